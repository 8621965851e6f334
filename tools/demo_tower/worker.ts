// A thread that draws batches for the demo tower: is told a batch's number, answers with its images, in the order of the questions.

import { drawSamples } from "./samples.ts";

type Question = { faces?: string[]; seed: number; step: number; count: number };
const scope = self as unknown as {
  onmessage: (event: MessageEvent<Question>) => void;
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
};
let faces: string[] = [];
let last = Promise.resolve();
scope.onmessage = ({ data }) => {
  faces = data.faces ?? faces;
  last = last.then(async () => {
    const samples = await drawSamples(faces, data);
    scope.postMessage(samples, samples.images.map(({ buffer }) => buffer));
  });
};
