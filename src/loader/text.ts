/**
 * Words for what the library reports. They ask nothing of the kernel, and are apart from `index.ts` for who prints them without
 * loading what does, as a command that works where libbpf is missing.
 */
export { describeHolder } from "./machine/lock.ts";
export { formatFailures } from "./run/check-report.ts";
