// What the page asks the server.

import { token, tokenAgain } from "/static/token.js";

export class Refused extends Error {}

async function ask(path, options = {}) {
  let response;
  try {
    const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server cannot be reached; is it still running?");
  }
  if (response.status === 401 && await tokenAgain()) return ask(path, options);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refused(answer.error ?? `The server answered with status ${response.status}.`);
  }
  return answer;
}

function form(values, files, field = "file") {
  const body = new FormData();
  for (const file of files) body.append(field, file, file.name ?? "frame.jpg");
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null) body.append(name, value);
  }
  return { method: "POST", body };
}

export const model = () => ask("/model");

export const predict = (file, top) => ask("/predict", form({ top }, [file]));

export const predictPictures = (files, top) => ask("/predict/pictures", form({ top }, files, "files"));

export const explain = (file, { k, pictures = true, signal }) =>
  ask("/explain", { ...form({ k, pictures }, [file]), signal });

export async function example() {
  const response = await fetch("/example.mp4");
  if (!response.ok) throw new Refused(`The server answered with status ${response.status}.`);
  return new File([await response.blob()], "example.mp4", { type: "video/mp4" });
}
