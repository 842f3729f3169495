import type { Session } from '../../connection/session.ts'
import { element } from '../../element.ts'

/** A field for the user whose taste is to count, with some ids where the person may see them. */
export function tasteField(session: Session, onChoose: (user: string) => void): HTMLElement {
  const examples = element('datalist', { id: 'tastes' })
  const input = element('input', {
    id: 'taste',
    list: 'tastes',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    maxlength: session.info.limits.idLength,
    placeholder: 'id of a user',
    value: session.onlyUser ?? '',
    readonly: session.onlyUser !== undefined,
  })
  if (session.has('examples') && session.onlyUser === undefined) {
    session.read('examples', { limit: 20 }).then(
      ({ users }) => examples.append(...users.map(({ user }) => element('option', { value: user }))),
      () => {},
    )
  }
  return element(
    'form',
    {
      class: 'taste',
      onsubmit: event => {
        event.preventDefault()
        const user = input.value.trim()
        if (user === '') return
        if (session.onlyUser === undefined) input.value = ''
        onChoose(user)
      },
    },
    element('label', { for: 'taste' }, 'The taste of'),
    element('div', { class: 'row' }, input, examples, element('button', { type: 'submit' }, 'Add')),
  )
}
