import { problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { element } from '../element.ts'

/** Has a user get no more pushes, or get them again. */
export function optOutForm(session: Session): HTMLElement {
  const user = element('input', { id: 'opt-out-user', required: true, autocomplete: 'off', spellcheck: 'false' })
  const answer = element('p', { class: 'state', role: 'status' })
  const change = async (optedOut: boolean) => {
    try {
      const made = await session.change('push_opt_out', { user: user.value, optedOut })
      answer.textContent = `${made.user} ${optedOut ? 'gets no more pushes' : 'may get pushes again'}.`
    } catch (error) {
      answer.replaceChildren(problem(error))
    }
  }
  const back = () => {
    if (user.reportValidity()) void change(false)
  }
  return element(
    'section',
    { class: 'card push-why', 'aria-labelledby': 'opt-out-title' },
    element('h3', { id: 'opt-out-title' }, 'A user wants no pushes'),
    element(
      'form',
      {
        class: 'search-form',
        onsubmit: event => {
          event.preventDefault()
          void change(true)
        },
      },
      element('div', { class: 'search-field' }, element('label', { for: user.id }, 'User'), user),
      element('button', { type: 'submit' }, 'Opt out'),
      element('button', { type: 'button', class: 'quiet', onclick: back }, 'Opt in again'),
    ),
    answer,
  )
}
