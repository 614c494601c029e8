/** Asks for the server's token, if it has one and this browser has not signed in. */
import { type FormEvent, type ReactNode, useState, useSyncExternalStore } from "react";
import { signIn } from "../api/session";
import { useText } from "../i18n/text";
import { createStore } from "../ui/store";

const REFUSED = 403;

/** Whether the server answers this browser; undefined: not known yet. */
const admitted = createStore<boolean | undefined>(undefined);

async function ask(): Promise<void> {
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query: "{ __typename }" }),
  });
  admitted.set(answer.status !== REFUSED);
}

function watch(changed: () => void): () => void {
  // Without an answer the explorer is shown, and tells with each operation what is wrong.
  if (admitted.get() === undefined) ask().catch(() => admitted.set(true));
  return admitted.subscribe(changed);
}

export function Admitted({ children }: { children: ReactNode }) {
  const state = useSyncExternalStore(watch, admitted.get);
  if (state === undefined) return null;
  return state ? children : <TokenForm />;
}

function TokenForm() {
  const text = useText();
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn(token, false).then(
      (done) => (done ? admitted.set(true) : setProblem(text("signin.wrong"))),
      (error: Error) => setProblem(error.message),
    );
  };
  return (
    <main className="token">
      <h1>{text("signin.title")}</h1>
      <p>{text("signin.explain")}</p>
      <form onSubmit={submit}>
        <label>
          {text("signin.token")}{" "}
          <input
            type="password"
            autoComplete="current-password"
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>{" "}
        <button type="submit">{text("signin.submit")}</button>
      </form>
      {problem && <p role="alert">{problem}</p>}
    </main>
  );
}
