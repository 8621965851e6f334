// The thread of a detector: opens it, and answers one question after another.

import { initBackend } from "../backend/start.ts";
import { InputError, reasonOf } from "../base/errors.ts";
import { type FaceFinder, openFaceFinder } from "./find.ts";
import type { FacesIn, Question, Reply } from "./find_apart.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Question>) => void;
  postMessage(reply: Reply, transfer?: ArrayBuffer[]): void;
};
let finder: FaceFinder;
let before = Promise.resolve();
scope.onmessage = ({ data: question }) => {
  before = before.then(() => answer(question));
};

async function answer(question: Question): Promise<void> {
  const { id } = question;
  try {
    if ("open" in question) {
      const { note } = await initBackend();
      finder = await openFaceFinder(question.open);
      return scope.postMessage({ id, value: { name: finder.name, digest: finder.digest, note } });
    }
    const { images } = question;
    const found = await finder.find(images);
    const value: FacesIn[] = images.map((image, i) => ({ image, faces: found[i] }));
    scope.postMessage({ id, value }, images.map(({ data }) => data.buffer as ArrayBuffer));
  } catch (error) {
    const reason = error instanceof Error ? error.message : reasonOf(error);
    scope.postMessage({ id, error: reason, isInput: error instanceof InputError });
  }
}
