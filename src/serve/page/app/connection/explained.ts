import { ServerError } from '../../../../client/index.ts'
import type { ErrorCode } from '../../../../protocol/errors.ts'
import { element } from '../element.ts'

/** What the person at the page can do, where the server's own message does not say. */
const remedies: { readonly [Code in ErrorCode]?: string } = {
  unauthorized: 'Enter a key that is good: press Keys at the top.',
  forbidden_host: 'Open the page by localhost, or have --allow-host name the server as you address it.',
  unknown_item: 'Choose an item that the model knows.',
  unsupported: 'Serve a model of an algorithm that can do this.',
  rate_limited: 'Wait a second and try again.',
  overloaded: 'Wait a second and try again.',
  storage_failed: "Free some space on the server's disk, then try again.",
  shutting_down: 'Start the server again; the page connects by itself.',
  internal: "Look into the server's log.",
}

/** What went wrong and what to do, in one or two sentences. */
export function explanation(error: unknown): string {
  if (!(error instanceof ServerError)) return error instanceof Error ? sentence(error.message) : String(error)
  const remedy = remedies[error.code]
  return remedy ? `${sentence(error.message)} ${remedy}` : sentence(error.message)
}

export function isCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return error instanceof ServerError && codes.includes(error.code)
}

/** The explanation as it stands where the thing was to appear. */
export function problem(error: unknown, ...more: readonly (Node | string)[]): HTMLElement {
  return element('div', { class: 'problem', role: 'alert' }, element('p', {}, explanation(error)), ...more)
}

function sentence(text: string): string {
  const begun = text.slice(0, 1).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}
