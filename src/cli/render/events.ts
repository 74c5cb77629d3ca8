/** What a swap tells, in lines for people. */
import type { SwapEvent, SwapWork } from "../../loader/index.ts";
import { describeHolder } from "../../loader/text.ts";

/** `eth0, eth1: load program denylist` */
export function workText({ step, interfaces, of }: SwapWork): string {
  return `${interfaces.join(", ")}: ${step}${of === undefined ? "" : ` ${of}`}`;
}

/** What stays to be read when the swap is done; undefined for its steps. */
export function noteText(event: SwapEvent): string | undefined {
  switch (event.kind) {
    case "notice":
      return event.message;
    case "waiting":
      return `${event.interface}: waiting for ${describeHolder(event.holder)}, which changes it`;
    case "again": {
      const did = event.pin === undefined ? "changed its link" : `pinned something at ${event.pin}`;
      return `${event.interface}: somebody ${did} in the middle; beginning again (${event.attempt})`;
    }
    case "begin":
    case "end":
    case "failed":
      return undefined;
  }
}
