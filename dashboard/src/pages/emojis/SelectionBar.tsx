/** What can be done with the selected emojis. */
import { type ComponentProps, useState } from "react";
import { useCommands } from "../../app/useCommand";
import { SelectionButtons } from "../../resources/SelectionButtons";
import { Button } from "../../ui/parts";
import { BulkEdit } from "./BulkEdit";
import { useEmojiText } from "./texts";

type Given = Omit<ComponentProps<typeof SelectionButtons>, "deleting" | "children"> & { instanceId: string };

export function SelectionBar({ instanceId, ...given }: Given) {
  const text = useEmojiText();
  const { refused } = useCommands();
  const [editing, setEditing] = useState(false);
  const { changed } = given;
  const { ids } = given.selection;
  return (
    <SelectionButtons {...given} deleting={text("emojis.deleting")}>
      <Button
        small
        disabled={ids.size === 0 || refused !== undefined}
        title={refused}
        onClick={() => setEditing(true)}
      >
        {text("emojis.edit")}
      </Button>
      {editing && (
        <BulkEdit instanceId={instanceId} ids={[...ids]} changed={changed} close={() => setEditing(false)} />
      )}
    </SelectionButtons>
  );
}
