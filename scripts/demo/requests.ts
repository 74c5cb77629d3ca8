/** What the demo and its neighbour say to each other. */

/** Of the two ends of the cable. */
export const MACS = { edge0: "02:00:00:00:00:01", peer0: "02:00:00:00:00:02" } as const;

export type Request =
  /** Runs the chain of a file on `peer0`; until it is taken off again. */
  | { readonly kind: "apply"; readonly chain: string }
  | { readonly kind: "detach" }
  /** UDP datagrams through the kernel's stack, one behind the other without a pause. */
  | {
      readonly kind: "datagrams";
      readonly from: string;
      readonly to: string;
      readonly port: number;
      readonly count: number;
    }
  /** The same as ready-made frames with an 802.1Q tag. */
  | {
      readonly kind: "tagged";
      readonly id: number;
      readonly from: string;
      readonly to: string;
      readonly port: number;
      readonly count: number;
    }
  /** Frames as fast as they go. */
  | { readonly kind: "frames"; readonly count: number };

export interface Sent {
  readonly sent: number;
  readonly seconds: number;
}

/** A request as it goes over the channel; the answer has its number. */
export interface Numbered {
  readonly id: number;
  readonly request: Request;
}

/** What the neighbour says when it is there has number 0. */
export const READY = 0;

export type Answer = { readonly id: number } & ({ readonly failed: string } | { readonly done: Sent });
