/** One emoji with its whole picture, and a form for what is said of it. */
import { type FormEvent, useState } from "react";
import { command, query } from "../../api/connection";
import { ApiError } from "../../api/errors";
import { useQuery } from "../../api/useQuery";
import { useCommands } from "../../app/useCommand";
import { EditEmojiDocument, EmojiDetailDocument, type EmojiDetailQuery } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { useResourceText } from "../../resources/texts";
import type { Undo } from "../../resources/undo";
import { useSaving } from "../../resources/useSaving";
import { listOf } from "../../resources/words";
import { Dialog } from "../../ui/Dialog";
import { Button, css as parts, Skeleton, Unread } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import css from "./emojis.module.css";
import { useEmojiText } from "./texts";

type Emoji = NonNullable<EmojiDetailQuery["emoji"]>;

interface Given {
  instanceId: string;
  id: string;
  undo: Undo;
  changed: () => void;
  close: () => void;
}

export function Detail(given: Given) {
  const text = useEmojiText();
  const { instanceId, id, close } = given;
  const read = useQuery(EmojiDetailDocument, { instanceId, id });
  const emoji = read.data?.emoji;
  const title = text("detail.title", { name: emoji?.name ?? "…" });
  return (
    <Dialog label={title} close={close} className={css.detail}>
      {read.error && <Unread error={read.error} again={read.again} />}
      {!emoji && !read.error && <Skeleton label={text("emojis.loading")} lines={8} />}
      {emoji && <Loaded {...given} emoji={emoji} />}
      {!emoji && <CloseButton close={close} />}
    </Dialog>
  );
}

function CloseButton({ close }: { close: () => void }) {
  const shared = useText();
  return (
    <div className={parts.row}>
      <Button onClick={close}>{shared("do.close")}</Button>
    </div>
  );
}

type Row = {
  name: string;
  description: string;
  category: string;
  tags: string;
};

function rowOf({ name, description, category, tags }: Emoji): Row {
  return { name, description, category, tags: tags.join(", ") };
}

function Loaded({ emoji, instanceId, undo, changed, close }: Given & { emoji: Emoji }) {
  const text = useEmojiText();
  const shared = useText();
  const resources = useResourceText();
  const commands = useCommands();
  const { id, name } = emoji;
  const current = rowOf(emoji);
  const draft = useDraft(`emoji.${id}`, { ...current, from: current, etag: emoji.etag });
  const { changed: unsaved, forget } = draft;
  const { from, etag, ...value } = draft.value;
  // Once something is typed, the draft has all of the row that it is typed over.
  const change = (part: Partial<Row>) => draft.change(unsaved ? part : { ...draft.value, ...part });
  const saving = useSaving<Row>({
    title: text("detail.saved", { name }),
    label: (field) => text(`detail.${field}`),
    send: async ({ tags, ...names }, over) => {
      const input = {
        instanceId,
        id,
        ifMatch: over.etag,
        ...names,
        tags: tags === undefined ? null : listOf(tags),
        addTags: [],
        removeTags: [],
      };
      return (await command(EditEmojiDocument, { input })).updateEmoji?.message ?? "";
    },
    readAgain: async () => {
      const { emoji: now } = await query(EmojiDetailDocument, { instanceId, id });
      if (!now) throw new ApiError("There is no such emoji any more", "RESOURCE_NOT_FOUND");
      return { row: rowOf(now), etag: now.etag };
    },
    rebase: (now, typed) => draft.change({ ...typed, from: now.row, etag: now.etag }),
    saved: () => {
      forget();
      changed();
      close();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void saving.save({ row: from, etag }, value);
  };
  const remove = async () => {
    if (await commands.attempt(name, undo.remove([id], false))) close();
    changed();
  };
  const { refused } = commands;
  const off = { disabled: saving.busy || commands.busy || refused !== undefined, title: refused };
  return (
    <form className={css.form} onSubmit={submit}>
      {saving.dialog}
      <h2>{name}</h2>
      <Picture emoji={emoji} />
      <Facts emoji={emoji} />
      <label className={parts.field}>
        {text("detail.name")}
        <input
          required
          maxLength={64}
          value={value.name}
          onChange={(event) => change({ name: event.target.value })}
        />
      </label>
      <label className={parts.field}>
        {text("detail.description")}
        <textarea
          rows={3}
          maxLength={4096}
          value={value.description}
          onChange={(event) => change({ description: event.target.value })}
        />
      </label>
      <label className={parts.field}>
        {text("detail.tags")}
        <input value={value.tags} onChange={(event) => change({ tags: event.target.value })} />
      </label>
      <label className={parts.field}>
        {text("detail.category")}
        <input
          maxLength={64}
          value={value.category}
          onChange={(event) => change({ category: event.target.value })}
        />
      </label>
      <div className={parts.row}>
        <Button kind="primary" type="submit" {...off}>
          {shared("do.save")}
        </Button>
        {unsaved && <Button onClick={forget}>{shared("do.discard")}</Button>}
        <Button onClick={close}>{shared("do.close")}</Button>
        <Button kind="danger" {...off} onClick={() => void remove()}>
          {resources("select.delete")}
        </Button>
        {unsaved && <span className={parts.dim}>{shared("settings.unsaved")}</span>}
      </div>
    </form>
  );
}

/** Who has asked for less motion sees the picture move only on demand. */
function Picture({ emoji }: { emoji: Emoji }) {
  const text = useEmojiText();
  const [playing, setPlaying] = useState(() => !matchMedia("(prefers-reduced-motion)").matches);
  const { imageUrl, large, imageSize, description, name } = emoji;
  if (!imageSize) return <p role="alert">{text("detail.noImage")}</p>;
  return (
    <>
      <span className={css.whole}>
        <img src={playing ? imageUrl : large} alt={description || name} />
      </span>
      <div className={parts.row}>
        {!playing && (
          <Button small onClick={() => setPlaying(true)}>
            {text("detail.play")}
          </Button>
        )}
        <a href={imageUrl} target="_blank" rel="noreferrer">
          {text("detail.open")}
        </a>
      </div>
    </>
  );
}

function Facts({ emoji }: { emoji: Emoji }) {
  const text = useEmojiText();
  const resources = useResourceText();
  const numbers = useNumbers();
  const { imageSize, origin, pendingChange, learned, createdAt } = emoji;
  const { width, height, bytes } = imageSize ?? {};
  const facts = [
    imageSize &&
      text("detail.image", { width: width ?? "?", height: height ?? "?", size: numbers.bytes(bytes ?? 0) }),
    resources(`origin.${origin}`),
    text("detail.added", { time: numbers.dateTime(createdAt) }),
    learned && text("detail.used", { count: numbers.count(learned.usage) }),
    pendingChange && resources(`pending.${pendingChange}`),
  ];
  return <p className={parts.dim}>{facts.filter(Boolean).join(" · ")}</p>;
}
