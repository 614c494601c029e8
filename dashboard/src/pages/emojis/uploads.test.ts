import { beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../../api/errors";

vi.mock("../../i18n/language", () => ({ language: { get: () => "en" } }));

import { BYTES_MOST, createUploads, nameOf, type Send } from "./uploads";

/** What a browser's reader of files does. */
class Reader {
  result = "";
  onload = () => {};
  readAsDataURL(file: File): void {
    this.result = `data:${file.name}`;
    setTimeout(this.onload);
  }
}

beforeEach(() => vi.stubGlobal("FileReader", Reader));

const file = (name: string, bytes = 3) => new File([new Uint8Array(bytes)], name);
const outcomes = (uploads: ReturnType<typeof createUploads>) =>
  uploads.all.get().map(({ outcome }) => (outcome.is === "done" ? outcome.name : outcome.is));

test("each file has its own result, and the list is read anew once", async () => {
  const added = vi.fn();
  const send: Send = async ({ name, imageData }) => {
    if (imageData.includes("same")) throw new ApiError("is there", "DUPLICATE_RESOURCE", "image_data");
    if (imageData.includes("bad")) throw new ApiError("no image", "INVALID_IMAGE_FORMAT", "image_data");
    if (imageData.includes("lost")) throw new Error("no answer");
    return name;
  };
  const uploads = createUploads(send);
  uploads.rounds.subscribe(added);
  uploads.add(["one.png", "same.png", "bad.png", "lost.png", "two.gif"].map((name) => file(name)));
  uploads.add([file("empty.png", 0), file("huge.png", BYTES_MOST + 1)]);
  await vi.waitFor(() =>
    expect(outcomes(uploads)).toEqual(["one", "same", "refused", "unknown", "two", "empty", "tooLarge"]),
  );
  await vi.waitFor(() => expect(added).toHaveBeenCalledTimes(1));
  expect(globalThis.onbeforeunload).toBeNull();
  uploads.clear();
  expect(uploads.all.get()).toEqual([]);
});

test("a name that is taken gets a number", async () => {
  const taken = new Set(["cat", "cat 2"]);
  const uploads = createUploads(async ({ name }) => {
    if (taken.has(name)) throw new ApiError("exists", "DUPLICATE_RESOURCE", "name");
    return name;
  });
  uploads.add([file("cat.png")]);
  await vi.waitFor(() => expect(outcomes(uploads)).toEqual(["cat 3"]));
});

test("two are sent at a time; the others can be cancelled, and sent again", async () => {
  const sent: string[] = [];
  let open = false;
  const send: Send = ({ name, signal }) =>
    new Promise((resolve, reject) => {
      sent.push(name);
      if (open) resolve(name);
      signal.addEventListener("abort", () => reject(new Error("aborted")));
    });
  const uploads = createUploads(send);
  uploads.add(["a.png", "b.png", "c.png"].map((name) => file(name)));
  await vi.waitFor(() => expect(sent).toEqual(["a", "b"]));
  expect(globalThis.onbeforeunload).not.toBeNull(); // leaving the page would lose the files
  uploads.cancel();
  await vi.waitFor(() => expect(outcomes(uploads)).toEqual(["cancelled", "cancelled", "cancelled"]));
  open = true;
  uploads.again();
  await vi.waitFor(() => expect(outcomes(uploads)).toEqual(["a", "b", "c"]));
});

test("a file's name becomes one that an emoji may have", () => {
  expect(nameOf("开心.gif")).toBe("开心");
  expect(nameOf("a\u0007b\u2028.tar.png")).toBe("a b .tar");
  expect(nameOf(".png")).toBe("emoji");
  expect([...nameOf(`${"😀".repeat(80)}.png`)].length).toBe(64);
});
