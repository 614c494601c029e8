/** A search in the logs of all bots, or of one. */
import { useText } from "../../i18n/text";
import { instances } from "../../live/instances";
import { LogSearch } from "../../search/LogSearch";
import { css as parts } from "../../ui/parts";
import { useStore } from "../../ui/store";

export default function SearchPage() {
  const text = useText();
  const { byId } = useStore(instances);
  const bots = [...byId.values()].map(({ id, name }) => ({ within: id, name }));
  const places = [{ within: "all", name: text("search.all") }, ...bots];
  return (
    <>
      <h1>{text("search.title")}</h1>
      <div className={parts.card}>
        <LogSearch places={places} />
      </div>
    </>
  );
}
