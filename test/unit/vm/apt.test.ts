import { describe, expect, test } from "vitest";

import { kernelPackages, pickMirror } from "../../../scripts/vm/apt.ts";

describe("the Debian mirror", () => {
  test("is the archive of a Debian suite, and not that of security updates or of someone else", () => {
    const targets = [
      "https://deb.example.org/node|nodistro|. nodistro|/usr/share/keyrings/node.gpg",
      "http://mirror.example.org/debian-security/|bookworm-security|Debian|$(SIGNED_BY)",
      "http://mirror.example.org/debian/|bookworm|Debian|/usr/share/keyrings/debian-archive-keyring.gpg",
    ].join("\n");
    expect(pickMirror(targets)).toEqual({
      uri: "http://mirror.example.org/debian/",
      signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
    });
  });

  test("is found before the first update, when apt does not know any origin yet", () => {
    expect(pickMirror("http://mirror.example.org/debian/|trixie|$(ORIGIN)|$(SIGNED_BY)")).toEqual({
      uri: "http://mirror.example.org/debian/",
      signedBy: undefined,
    });
  });

  test("is not another distribution's", () => {
    expect(pickMirror("http://archive.example.org/ubuntu/|noble|Ubuntu|$(SIGNED_BY)")).toBeUndefined();
    expect(pickMirror("")).toBeUndefined();
  });
});

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
