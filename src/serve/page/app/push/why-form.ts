import { type PushReason, reasonInWords } from '../../../../protocol/push-reasons.ts'
import { problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { element } from '../element.ts'
import { time } from './words.ts'

/** Asks why a user got a push of an article, or did not. */
export function whyForm(session: Session): HTMLElement {
  const field = (id: string) => element('input', { id, required: true, autocomplete: 'off', spellcheck: 'false' })
  const [user, article] = [field('why-user'), field('why-article')]
  const answer = element('div', { 'aria-live': 'polite' })
  const ask = async () => {
    try {
      const found = await session.read('push_why', { user: user.value, article: article.value })
      const got =
        found.got === undefined
          ? 'It is not known whether the user got it, or not decided yet.'
          : `${found.user} ${found.got ? 'got' : 'did not get'} the push of ${found.campaign}.`
      answer.replaceChildren(
        element('p', {}, got),
        element('ul', {}, ...found.reasons.map(reason => element('li', {}, reasonInWords(reason as PushReason, time)))),
      )
    } catch (error) {
      answer.replaceChildren(problem(error))
    }
  }
  return element(
    'section',
    { class: 'card push-why', 'aria-labelledby': 'why-title' },
    element('h3', { id: 'why-title' }, 'Why did a user get a push, or not?'),
    element(
      'form',
      {
        class: 'search-form',
        onsubmit: event => {
          event.preventDefault()
          void ask()
        },
      },
      element('div', { class: 'search-field' }, element('label', { for: user.id }, 'User'), user),
      element('div', { class: 'search-field' }, element('label', { for: article.id }, 'Article'), article),
      element('button', { type: 'submit' }, 'Ask'),
    ),
    answer,
  )
}
