/** Asks for the server's token. */
import { type FormEvent, useState } from "react";
import { reconnect } from "../api/connection";
import { signIn } from "../api/session";
import { useText } from "../i18n/text";
import { Button, css } from "../ui/parts";
import shell from "./shell.module.css";

export function SignIn() {
  const text = useText();
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const [problem, setProblem] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn(token, remember).then(
      (done) => (done ? reconnect() : setProblem(text("signin.wrong"))),
      (error: Error) => setProblem(error.message),
    );
  };
  return (
    <main className={shell.signIn}>
      <form className={css.card} onSubmit={submit}>
        <h1>{text("signin.title")}</h1>
        <p className={css.dim}>{text("signin.explain")}</p>
        <label className={css.field}>
          {text("signin.token")}
          <input
            type="password"
            autoComplete="current-password"
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        <label className={css.check}>
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.target.checked)} />
          {text("signin.remember")}
        </label>
        {problem && <p role="alert">{problem}</p>}
        <div className={css.row}>
          <Button kind="primary" type="submit">
            {text("signin.submit")}
          </Button>
        </div>
      </form>
    </main>
  );
}
