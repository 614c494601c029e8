import "./nonce";
import "./ui/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { followIcon } from "./app/icon";
import "./app/theme";
import { followVersion } from "./app/version";
import { language, localeOf } from "./i18n/language";
import { followEvents } from "./live/events";
import { followInstances } from "./live/instances";

function sayLanguage(): void {
  document.documentElement.lang = localeOf(language.get());
}

sayLanguage();
language.subscribe(sayLanguage);
followIcon();
followInstances();
followEvents();
followVersion();

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
