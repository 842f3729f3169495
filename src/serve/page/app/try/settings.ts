import type { Session } from '../connection/session.ts'
import { element } from '../element.ts'

/** What a list is asked for with, beside its user; what is left out the server chooses. */
export interface ListSettings {
  limit: number
  seen: 'allow' | 'exclude'
  /** From 0, taste alone, to 1, context alone. */
  contextWeight?: number
  /** From 0 to 1. */
  diversity?: number
  /** Items with any of these, of the catalogue. */
  tags?: readonly string[]
}

const sliders = [
  {
    field: 'contextWeight',
    isPossible: (session: Session) => session.sources.includes('context') && session.sources.length > 1,
    label: 'Lean towards',
    low: 'taste',
    high: 'context',
    unset: 'as learned',
  },
  {
    field: 'diversity',
    isPossible: (session: Session) => session.can('catalogue'),
    label: 'Items are to be',
    low: 'alike',
    high: 'varied',
    unset: 'off',
  },
] as const

/** The controls of what is asked for; those only that the server can act on. */
export function settingsForm(
  session: Session,
  onChange: () => void,
): { readonly element: HTMLElement; readonly settings: ListSettings } {
  const settings: ListSettings = { limit: 10, seen: 'exclude' }
  const limit = element(
    'select',
    {
      id: 'limit',
      onchange: () => {
        settings.limit = Number(limit.value)
        onChange()
      },
    },
    ...[5, 10, 20, 50].map(n => element('option', { value: n, selected: n === settings.limit }, String(n))),
  )
  const seen = element('input', {
    type: 'checkbox',
    id: 'seen',
    onchange: () => {
      settings.seen = seen.checked ? 'allow' : 'exclude'
      onChange()
    },
  })
  const tags = element('input', {
    id: 'only-tags',
    autocomplete: 'off',
    placeholder: 'any',
    onchange: () => {
      const given = tags.value.split(',').map(tag => tag.trim())
      settings.tags = given.filter(Boolean)
      if (settings.tags.length === 0) delete settings.tags
      onChange()
    },
  })
  const form = element(
    'div',
    { class: 'settings' },
    element('div', { class: 'field' }, element('label', { for: 'limit' }, 'Items'), limit),
    element('div', { class: 'field' }, seen, element('label', { for: 'seen' }, 'Also what the user has already')),
    session.has('search_items')
      ? element('div', { class: 'field' }, element('label', { for: 'only-tags' }, 'Only tags'), tags)
      : undefined,
    ...sliders
      .filter(({ isPossible }) => isPossible(session))
      .map(({ field, label, low, high, unset }) => {
        const shown = element('output', { for: field }, unset)
        const change = (value: number | undefined) => {
          if (value === undefined) delete settings[field]
          else settings[field] = value
          shown.value = value === undefined ? unset : value.toFixed(2)
          reset.hidden = value === undefined
          onChange()
        }
        const range = element('input', {
          type: 'range',
          id: field,
          min: 0,
          max: 1,
          step: 0.05,
          value: field === 'diversity' ? 0 : 0.5,
          onchange: () => change(range.valueAsNumber),
        })
        const reset = element(
          'button',
          {
            type: 'button',
            class: 'quiet',
            hidden: true,
            'aria-label': `${label}: back to ${unset}`,
            onclick: () => change(undefined),
          },
          'Reset',
        )
        return element(
          'div',
          { class: 'field slider' },
          element('label', { for: field }, label),
          element('span', { class: 'details' }, low),
          range,
          element('span', { class: 'details' }, high),
          shown,
          reset,
        )
      }),
  )
  return { element: form, settings }
}
