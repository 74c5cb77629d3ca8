/** The shape of a chain's checks, as `schema.ts` has that of the chain. */
import * as z from "zod";
import { action, choice, interfaceName, name } from "./fields.ts";
import { alsoNumber, alsoOne, spellings } from "./spelling.ts";

const VERDICT = `an action or a return code`;
const VERDICTS = "a verdict, or a list of at least one";
const PACKET = "a packet: the path of a capture, layers that begin with `eth /`, or hex";
const FRAMES = "a frame or a range of frames such as 2-5";
const CHECK_NAME = "a name of one line";
const INGRESS = "an interface's name or index";
const QUEUE = "the number of a receive queue";

const oneVerdict = z.union([action, z.int(VERDICT).min(0, VERDICT).max(0xffffffff, VERDICT)], VERDICT);
const packet = z
  .string(PACKET)
  .min(1, PACKET)
  .meta({ id: "packet", description: "The path of a pcap or pcapng file, layers that begin with `eth /`, or hex." });

export const checkContextSchema = z.strictObject(
  {
    interface: z
      .union([interfaceName, z.int(INGRESS).min(1, INGRESS).max(0x7fffffff, INGRESS)], INGRESS)
      .optional()
      .describe("The interface that the frame comes in at, by name or index. Default: the loopback."),
    queue: z.int(QUEUE).min(0, QUEUE).max(0xffff, QUEUE).optional().describe("Its receive queue. Default 0."),
  },
  "a map with the keys `interface` and `queue`",
);

export const checkSchema = z.strictObject(
  {
    name: z
      .string(CHECK_NAME)
      .regex(/^\S(?:.*\S)?$/, CHECK_NAME)
      .describe("Unique among the checks."),
    packet: packet.describe("The path of a pcap or pcapng file, layers that begin with `eth /`, or hex."),
    frames: z
      .preprocess(
        (value) => (typeof value === "number" ? String(value) : value),
        z
          .string(FRAMES)
          .regex(/^\d{1,9}(?:-\d{1,9})?$/, FRAMES)
          .register(spellings, alsoNumber),
      )
      .optional()
      .describe("Of a capture: the frames to run, such as 3 or 2-5, counted from 1. Default: all."),
    expect: z
      .preprocess(
        (value) => (Array.isArray(value) ? value : [value]),
        z.array(oneVerdict, VERDICTS).min(1, VERDICTS).register(spellings, alsoOne),
      )
      .describe("The verdict: an action or a return code, or a list of one for each frame."),
    "packet-after": packet.optional().describe("How the frame must be afterwards: as for packet, or `unchanged`."),
    path: z
      .array(name, "a list of programs")
      .min(1, "a list of at least one program")
      .optional()
      .describe("The programs that must run, in order."),
    context: checkContextSchema.optional().describe("Where the frame is said to come from."),
    maps: choice("fresh", "live")
      .optional()
      .describe("fresh: a copy with maps of its own; live: the maps that will be live, which the check changes."),
  },
  "a map with the keys `name`, `packet` and `expect`",
);
