/**
 * The registers (RFC 9669, section 2.1): R0 holds return values, R1 to R5 arguments and are lost across calls, R6 to R9
 * survive calls, R10 points to the end of the stack frame and is read-only.
 */
import type { Register } from "./instruction.ts";

export const R0 = 0 satisfies Register;
export const R1 = 1 satisfies Register;
export const R2 = 2 satisfies Register;
export const R3 = 3 satisfies Register;
export const R4 = 4 satisfies Register;
export const R5 = 5 satisfies Register;
export const R6 = 6 satisfies Register;
export const R7 = 7 satisfies Register;
export const R8 = 8 satisfies Register;
export const R9 = 9 satisfies Register;
export const R10 = 10 satisfies Register;
