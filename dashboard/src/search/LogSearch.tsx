/** A search in logs whose filters stand in the address: the form, and what was found. */
import { useCallback, useSyncExternalStore } from "react";
import { useSearchParams } from "wouter";
import { ApiError } from "../api/errors";
import { Unread } from "../ui/parts";
import { type Filters, filtersOf, parametersOf } from "./filters";
import { Hits } from "./Hits";
import { begin, search, watch } from "./running";
import { type Place, SearchForm } from "./SearchForm";
import css from "./search.module.css";

export function LogSearch({ places }: { places: readonly Place[] }) {
  const [parameters, setParameters] = useSearchParams();
  const filters = filtersOf(parameters, places[0]?.within ?? "all");
  const key = JSON.stringify(filters);
  const subscribe = useCallback((changed: () => void) => watch(JSON.parse(key) as Filters, changed), [key]);
  const found = useSyncExternalStore(subscribe, search.get);
  const known = places.some(({ within }) => within === filters.within); // not of a bot that was deleted
  const invalid = found.error instanceof ApiError && found.error.field !== undefined;
  const submit = (wanted: Filters) => {
    if (JSON.stringify(wanted) === key) begin(wanted);
    else setParameters((before) => parametersOf(wanted, before));
  };
  return (
    <search className={css.search}>
      <SearchForm
        asked={filters}
        places={known ? places : [...places, { within: filters.within, name: filters.within }]}
        error={invalid ? found.error : undefined}
        submit={submit}
      />
      {found.error && !invalid && <Unread error={found.error} again={() => begin(filters)} />}
      {filters.text && !invalid && <Hits found={found} filters={filters} again={() => begin(filters)} />}
    </search>
  );
}
