/**
 * Signing in and out. The token is exchanged for a cookie that scripts cannot read, so it is kept nowhere in the page and stands
 * in no address.
 */
import { createStore } from "../ui/store";

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** Whether this page has signed in, so that it can offer to sign out. */
export const signedIn = createStore(localStorage.getItem("mailauncher.signedIn") === "yes");

/** Whether the token is right. */
export async function signIn(token: string, remember: boolean): Promise<boolean> {
  if (!VISIBLE_ASCII.test(token)) return false; // no header can carry it, and no server has such a token
  const answer = await fetch(`/session?remember=${remember}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
  });
  if (answer.ok) {
    localStorage.setItem("mailauncher.signedIn", "yes");
    signedIn.set(true);
  }
  return answer.ok;
}

export async function signOut(): Promise<void> {
  const answer = await fetch("/session", { method: "DELETE" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  localStorage.removeItem("mailauncher.signedIn");
  signedIn.set(false);
}
