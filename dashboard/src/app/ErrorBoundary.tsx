/** A page that fails says so, and leaves the rest as it is. So does one whose files are gone from the server. */
import { Component, type ReactNode } from "react";
import { useText } from "../i18n/text";
import { Button, css } from "../ui/parts";

export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    return this.state.error ? <Failed error={this.state.error} /> : this.props.children;
  }
}

function Failed({ error }: { error: Error }) {
  const text = useText();
  return (
    <div className={css.card} role="alert">
      <h1>{text("error.title")}</h1>
      <pre className={css.output}>{error.message}</pre>
      <div className={css.row}>
        <Button kind="primary" onClick={() => location.reload()}>
          {text("error.reload")}
        </Button>
      </div>
    </div>
  );
}
