import { element } from '../element.ts'
import { type KeyName, storedKey } from './keys.ts'

const texts: Readonly<
  Record<KeyName, { readonly title: string; readonly text: string; readonly command: string; readonly note?: string }>
> = {
  key: {
    title: 'This server expects a key',
    text: 'Enter an API key, or a token that one signed. Who runs the server makes a key by',
    command: 'aurochs keys create --state DIR',
  },
  admin: {
    title: 'This needs an admin key',
    text: 'What changes the server, or shows its figures, is for admins. Who runs the server makes such a key by',
    command: 'aurochs keys create --state DIR --admin',
    note: 'From the first key on, a server without keys expects one of every client.',
  },
}

/** Asks for a key; gives undefined where the person has none. `refusal`: why the one before will not do. */
export function askForKey(name: KeyName, refusal?: string): Promise<string | undefined> {
  const { title, text, command, note } = texts[name]
  const input = element('input', {
    id: 'key-input',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
    'aria-describedby': 'key-help',
  })
  return ask<string>(
    title,
    [
      refusal === undefined ? undefined : element('p', { class: 'problem', role: 'alert' }, refusal),
      element('p', { id: 'key-help' }, `${text} `, element('code', {}, command), '. ', note ?? ''),
      element('label', { for: 'key-input' }, name === 'key' ? 'Key' : 'Admin key'),
      input,
      element('p', { class: 'note' }, "It stays in this browser's tab until that is closed."),
    ],
    'Use key',
    () => input.value.trim() || undefined,
  )
}

/** Asks whether to go on. */
export async function confirmed(title: string, text: string, action: string): Promise<boolean> {
  return (await ask(title, [element('p', {}, text)], action, () => true as const)) ?? false
}

/** Shows which keys the page has; gives those that are to be forgotten. */
export function showKeys(): Promise<'enter' | 'enter-admin' | 'forget' | undefined> {
  const has = { key: storedKey('key') !== undefined, admin: storedKey('admin') !== undefined }
  let choice: 'enter' | 'enter-admin' | 'forget' = 'forget'
  const choose = (value: typeof choice, label: string) =>
    element(
      'button',
      {
        type: 'submit',
        onclick: () => {
          choice = value
        },
      },
      label,
    )
  const line = (name: string, isHeld: boolean) =>
    `${name}: ${isHeld ? 'entered, kept until this tab is closed' : 'none'}.`
  return ask(
    'Keys',
    [
      element('p', {}, line('Key', has.key)),
      element('p', {}, line('Admin key', has.admin)),
      element('div', { class: 'actions' }, choose('enter', 'Enter a key'), choose('enter-admin', 'Enter an admin key')),
    ],
    has.key || has.admin ? 'Forget them' : undefined,
    () => choice,
  )
}

/**
 * A dialog with its buttons, of which one sends the form where there is an `action`. What it gives is what `result` gives when the form
 * is sent, undefined where it is left.
 */
function ask<Result>(
  title: string,
  content: readonly (Node | undefined)[],
  action: string | undefined,
  result: () => Result | undefined,
): Promise<Result | undefined> {
  return new Promise(resolve => {
    let given: Result | undefined
    const dialog = element(
      'dialog',
      { 'aria-labelledby': 'dialog-title' },
      element(
        'form',
        {
          onsubmit: event => {
            event.preventDefault()
            given = result()
            dialog.close()
          },
        },
        element('h2', { id: 'dialog-title' }, title),
        ...content,
        element(
          'div',
          { class: 'actions end' },
          element('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, 'Cancel'),
          action === undefined ? undefined : element('button', { type: 'submit', class: 'primary' }, action),
        ),
      ),
    )
    const before = document.activeElement
    dialog.addEventListener('close', () => {
      dialog.remove()
      if (before instanceof HTMLElement) before.focus()
      resolve(given)
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}
