/** Somebody who knows no lock: puts a program of their own on the link that is pinned at the one argument, and ends. */
import { openKernel } from "../../src/loader/index.ts";
import { verdictObject } from "../support/verdict-program.ts";

const kernel = openKernel();
using object = kernel.openObject(verdictObject(9), "theirs");
object.programs[0]!.makeXdp();
object.load();
using link = kernel.openPin(process.argv[2]!);
using there = kernel.programById(kernel.linkInfo(link.number).programId);
kernel.updateLink(link.number, object.programs[0]!.fd(), there.number);
