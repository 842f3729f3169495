import type { Session } from '../connection/session.ts'
import { element } from '../element.ts'
import { plural } from '../format.ts'
import { newUser } from './new-ids.ts'

/** Where the person says whose list is shown: an id, one of some examples, or somebody new. */
export function userForm(session: Session): { readonly element: HTMLElement; readonly show: (user: string) => void } {
  const examples = element('datalist', { id: 'example-users' })
  const input = element('input', {
    id: 'user',
    list: 'example-users',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    required: true,
    maxlength: session.info.limits.idLength,
    readonly: session.onlyUser !== undefined,
  })
  const offered = element('p', { class: 'offered', hidden: true })
  const form = element(
    'form',
    {
      class: 'user-form',
      onsubmit: event => {
        event.preventDefault()
        goTo(input.value.trim())
      },
    },
    element('label', { for: 'user' }, 'User'),
    element(
      'div',
      { class: 'row' },
      input,
      examples,
      element('button', { type: 'submit', class: 'primary' }, 'Show list'),
      session.onlyUser === undefined
        ? element('button', { type: 'button', onclick: () => goTo(newUser()) }, 'New visitor')
        : undefined,
    ),
    offered,
  )
  if (session.has('examples') && session.onlyUser === undefined) {
    // Not everyone may see ids: who may not, types one.
    session.read('examples', { limit: 5 }).then(
      ({ users }) => {
        if (users.length === 0) return
        examples.append(...users.map(({ user }) => element('option', { value: user })))
        offered.append(
          'For example: ',
          ...users.flatMap(({ user, items }, at) => [
            at === 0 ? '' : ', ',
            element('a', { href: addressOf(user) }, user),
            element('span', { class: 'details' }, ` ${plural(items, 'item')}`),
          ]),
        )
        offered.hidden = false
      },
      () => {},
    )
  }
  return {
    element: form,
    show: user => {
      input.value = user
    },
  }
}

function goTo(user: string): void {
  if (user !== '') location.hash = addressOf(user)
}

function addressOf(user: string): string {
  return `#/try/${encodeURIComponent(user)}`
}
