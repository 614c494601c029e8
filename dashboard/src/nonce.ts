/**
 * Gives every `<style>` that a library makes the nonce of this page: the policy admits no other.
 *
 * A nonce that is set after the element was inserted does nothing, without a word. So it is set where elements are made.
 * The server writes the nonce into `<meta name="csp-nonce">`.
 */
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;

if (nonce) {
  const create = document.createElement.bind(document);
  document.createElement = (name: string, options?: ElementCreationOptions) => {
    const made = create(name, options);
    if (made instanceof HTMLStyleElement) made.nonce = nonce;
    return made;
  };
}
