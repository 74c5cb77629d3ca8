/**
 * Words for what the library reports, for commands that print them: to import `index.ts` would load koffi, which not all of them
 * need.
 */
export { describeHolder } from "./machine/lock.ts";
export { formatFailures } from "./run/check-report.ts";
