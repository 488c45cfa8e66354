// The token that a server may ask for. It stays in this tab, and is in no address that is sent.

import { find } from "/static/dom.js";

const NAME = "motionlens-token";
let asking = null;

export const token = () => sessionStorage.getItem(NAME);

// What follows # in an address is not sent to the server.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem(NAME, given);
  history.replaceState(null, "", location.pathname);
}

// Asks for the token; whether one was given. Requests that fail at the same time ask once.
export function tokenAgain() {
  asking ??= new Promise((resolve) => {
    const dialog = find("#token");
    const input = find("#token-value");
    find("#token-wrong").hidden = !token();
    input.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      asking = null;
      const isGiven = dialog.returnValue === "given" && input.value.trim();
      if (isGiven) sessionStorage.setItem(NAME, input.value.trim());
      resolve(Boolean(isGiven));
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}
