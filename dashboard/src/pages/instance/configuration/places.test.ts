import { describe, expect, it } from "vitest";
import { inEditor } from "../../../ui/lineEnds";
import { placesIn } from "./places";

describe("a place in a text of the server", () => {
  it.each(["a = 1\nb", "a = '麦麦'\r\n🎉b🎉 = 1\r\n\r\nc = '🎉'\r\nd", "\n🎉\r\n"])(
    "is found in the editor: %j",
    (text) => {
      const place = placesIn(text);
      const doc = inEditor(text);
      const characters = [...text];
      let offset = 0;
      for (const character of characters) {
        if (character !== "\r" && character !== "\n")
          expect(doc.slice(place(offset), place(offset) + character.length)).toBe(character);
        offset += 1;
      }
      expect(place(characters.length)).toBe(doc.length);
    },
  );
});
