/** Verdicts and frames that the tests of several programs use. */
import { ethernet, icmp6Echo, icmpEcho, ipv4, ipv6, type Layer, payload } from "../../../src/packets/index.ts";

export const [DROP, PASS, TX, NO_VERDICT] = [1, 2, 3, 31] as const;

export const body = payload(56);
/** Four bytes of IPv4 options: a router alert (RFC 2113). */
export const options = Uint8Array.of(148, 4, 0, 0);

export const ping: readonly Layer[] = [ethernet(), ipv4(), icmpEcho(), body];
export const ping6: readonly Layer[] = [ethernet(), ipv6(), icmp6Echo(), body];
