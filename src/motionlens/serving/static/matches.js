// The proposals of a position, as a table and as a sentence.

import { find, make } from "/static/dom.js";

// Fills the heading and the table; without a position there is nothing to list.
export function showMatches(root, module, position) {
  const where = find(".where", root);
  const body = find(".matches tbody", root);
  if (!position) {
    where.textContent = "Point at a position";
    body.replaceChildren();
    return;
  }
  const { rank } = module.at(position);
  where.replaceChildren(
    `Frame ${position.frame}, row ${position.row}, column ${position.column} `,
    make("small", {}, `of ${module.name} · changed by ${position.change.toPrecision(3)}, rank ${rank + 1} of ${module.ranked.length}`),
  );
  body.replaceChildren(...position.proposals.map((proposal) => {
    const bar = make("span", { className: "bar" }, make("i"));
    bar.firstChild.style.width = `${(100 * proposal.wins) / module.channels}%`;
    bar.setAttribute("aria-hidden", "true");
    const kept = proposal.wins ? `${proposal.wins} of ${module.channels}` : "none";
    return make("tr", { className: proposal.wins ? "" : "lost" },
      make("td", {}, `frame ${proposal.frame}, row ${proposal.row}, column ${proposal.column}`),
      make("td", {}, bar, kept),
      make("td", { className: "number" }, proposal.distance === null ? "" : proposal.distance.toPrecision(3)));
  }));
}

// What a screen reader says of a position.
export function sentence(position) {
  if (!position) return "No position is chosen.";
  const kept = position.proposals.filter(({ wins }) => wins);
  const list = [...kept].sort((a, b) => b.wins - a.wins).map(({ frame, row, column, wins }) =>
    `frame ${frame} row ${row} column ${column} in ${wins} channels`);
  return `Frame ${position.frame}, row ${position.row}, column ${position.column}: ` +
    `${kept.length} of ${position.proposals.length} proposals kept${list.length ? `: ${list.join("; ")}` : ""}.`;
}
