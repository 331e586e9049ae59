import semver from "semver";

/** Say whether a version is in a range, as an HTTP status and a body. */
export function answer(version, range) {
  if (!semver.valid(version)) {
    return { status: 400, body: { error: "version: expected one like 1.2.3" } };
  }
  if (!semver.validRange(range)) {
    return { status: 400, body: { error: "range: expected one like ^1.2" } };
  }
  return { status: 200, body: { satisfies: semver.satisfies(version, range) } };
}
