import assert from "node:assert/strict";
import { test } from "node:test";

import { answer } from "./ranges.js";

test("a version in the range", () => {
  assert.deepEqual(answer("1.4.0", "^1.2"), { status: 200, body: { satisfies: true } });
});

test("a version outside it", () => {
  assert.deepEqual(answer("2.0.0", "^1.2"), { status: 200, body: { satisfies: false } });
});

test("what is no version or range", () => {
  assert.equal(answer(undefined, "^1.2").status, 400);
  assert.equal(answer("1.4.0", "soon").status, 400);
});
