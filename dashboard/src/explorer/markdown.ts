/**
 * Descriptions of the schema are Markdown, which GraphiQL shows as the HTML that markdown-it makes of it. The page admits HTML
 * of named Trusted Types policies only, so this gives that of markdown-it one.
 *
 * It may be trusted: GraphiQL leaves `html` off, so that markdown-it escapes whatever markup a text has.
 */
import MarkdownIt from "markdown-it";

interface Policy {
  createHTML(html: string): string;
}

const { trustedTypes } = globalThis as {
  trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
};

if (trustedTypes) {
  const policy = trustedTypes.createPolicy("explorer-markdown", { createHTML: (html) => html });
  const render = MarkdownIt.prototype.render;
  MarkdownIt.prototype.render = function (...given) {
    return policy.createHTML(render.apply(this, given));
  };
}
