import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { checkState, type StateDict } from "../../lib/weights/state.ts";

Deno.test("checkState() lists all missing, unexpected and misshaped keys in one error", () => {
  const tensor = (...shape: number[]) => ({ dtype: "float32", shape, data: new Float32Array() });
  const dict: StateDict = new Map([["a", tensor(2)], ["b", tensor(2, 3)], ["extra", tensor()], [
    "text.x",
    tensor(),
  ]]);
  const shapes = new Map([["a", [2]], ["b", [3, 2]], ["c", [1]], ["d", []]]);
  const { message } = assertThrows(
    () => checkState(dict, shapes, { what: "the head", ignore: (key) => key.startsWith("text.") }),
    Error,
  );
  assertEquals(
    message,
    "Cannot bind the head: expected 4 tensors by name and shape but found 2 missing: c, d; 1 unexpected: extra; " +
      "1 misshaped: b (expected [3,2] but found [2,3])",
  );
  checkState(new Map([["a", tensor(2)]]), new Map([["a", [2]]]), { what: "the head" });
});

Deno.test("checkState() names a prefix that all names have, and never more than a few names", () => {
  const tensor = { dtype: "float32", shape: [1], data: new Float32Array(1) };
  const names = Array.from({ length: 100 }, (_, i) => `layer.${i}.${"x".repeat(200)}`);
  const expected = new Map(names.map((name) => [name, [1]]));
  const message = (dict: StateDict) =>
    assertThrows(() => checkState(dict, expected, { what: "it" }), Error).message;
  const prefixed = message(new Map(names.map((name) => [`encoder.net.${name}`, tensor])));
  assertMatch(prefixed, /but found that all names begin with encoder\.net\.layer\.$/);
  const others = message(new Map(names.map((_, i) => [`${i}`, tensor])));
  assertMatch(
    others,
    /found 100 missing: layer\.0\.x+…, .* and 96 more; 100 unexpected: 0, 1, 2, 3 and 96 more$/,
  );
  assert(others.length < 600, others);
  const beside = [...names.map((name) => `model.${name}`), "criterion.weight"];
  assertMatch(
    message(new Map(beside.map((name) => [name, tensor]))),
    /found them behind model\., beside criterion\.weight; keep those that begin with it/,
  );
});
