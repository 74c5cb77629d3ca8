import { describe, expect, test } from "vitest";
import { kernelPackages } from "../../../scripts/vm/kernels.ts";

describe("the packages of a kernel", () => {
  test.each([
    ["linux-image-6.1.0-50-amd64 (= 6.1.176-1)", ["linux-image-6.1.0-50-amd64"]],
    ["kmod, linux-base (>= 4.3~), initramfs-tools | linux-initramfs-tool", []],
    [
      "dracut | initramfs-tools, linux-base-7.2.13+deb14-amd64 (= 7.2.13-1), linux-binary-7.2.13+deb14-amd64 (= 7.2.13-1), linux-modules-7.2.13+deb14-amd64",
      ["linux-base-7.2.13+deb14-amd64", "linux-binary-7.2.13+deb14-amd64", "linux-modules-7.2.13+deb14-amd64"],
    ],
  ])("of %s", (depends, packages) => expect(kernelPackages(depends)).toEqual(packages));
});
