import { describe, expect, test } from "vitest";
import { pickMirror } from "../../../scripts/debian/apt.ts";

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
