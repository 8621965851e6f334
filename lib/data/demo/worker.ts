// One thread of the demo data's generator: is told a part and a video's place in it, answers with its files.

import { type DemoPart, demoVideos, renderVideo } from "./demo.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<{ index: number; part: DemoPart; seed: number }>) => void;
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
};
scope.onmessage = async ({ data: { index, part, seed } }) => {
  const files = await renderVideo(demoVideos(part)[index], seed);
  scope.postMessage({ index, files }, files.map((file) => file.bytes.buffer as ArrayBuffer));
};
