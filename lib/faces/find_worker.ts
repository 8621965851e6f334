// The thread of a detector: opens it, and answers one question after another.

import { InputError, reasonOf } from "../base/errors.ts";
import { type FaceFinderApart, openFaceFinderHere, type Question, type Reply } from "./find_apart.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Question>) => void;
  postMessage(reply: Reply, transfer?: ArrayBuffer[]): void;
};
let finder: FaceFinderApart;
let before = Promise.resolve();
scope.onmessage = ({ data: question }) => {
  before = before.then(() => answer(question));
};

async function answer(question: Question): Promise<void> {
  const { id } = question;
  try {
    if ("open" in question) {
      finder = await openFaceFinderHere(question.open);
      const { name, digest, note } = finder;
      return scope.postMessage({ id, value: { name, digest, note } });
    }
    const { images } = question;
    scope.postMessage(
      { id, value: await finder.find(images) },
      images.map(({ data }) => data.buffer as ArrayBuffer),
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : reasonOf(error);
    scope.postMessage({ id, error: reason, isInput: error instanceof InputError });
  }
}
