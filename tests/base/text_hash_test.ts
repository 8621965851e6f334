import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { createRandom } from "../../lib/base/random.ts";
import { hash48 } from "../../lib/base/text_hash.ts";

Deno.test("hash48() gives the first twelve digits of SHA-256 for texts of every length and script", () => {
  const random = createRandom("text hash");
  const signs = ["a", "/", "\0", "é", "写", "🙂"];
  const texts = ["", "x".repeat(5000), ...Array.from({ length: 200 }, (_, length) => "7".repeat(length))];
  for (let i = 0; i < 300; i++) {
    texts.push(
      Array.from({ length: random.integer(90) }, () => signs[random.integer(signs.length)]).join(""),
    );
  }
  for (const text of texts) {
    const digits = createHash("sha256").update(text).digest("hex").slice(0, 12);
    assertEquals(hash48(text), parseInt(digits, 16), JSON.stringify(text));
  }
});
