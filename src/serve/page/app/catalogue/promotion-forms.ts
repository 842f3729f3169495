import { element } from '../element.ts'
import type { CatalogueItem } from './catalogue-methods.ts'

export interface PinFields {
  readonly place: number
  readonly tag?: string
  /** In ms since 1970. */
  readonly until?: number
}

/** By how much an item can be boosted here; the server takes any factor from 0.1 to 10. */
const factors = [0.1, 0.25, 0.5, 1, 2, 4, 10]

let forms = 0

/** Asks how far the item is to rise or fall. */
export function boostForm({ boost = 1 }: CatalogueItem, onBoost: (factor: number) => void): HTMLFormElement {
  const id = `boost-${++forms}`
  const offered = factors.includes(boost) ? factors : [...factors, boost].sort((one, other) => one - other)
  const options = offered.map(factor =>
    element('option', { value: factor, selected: factor === boost }, factor === 1 ? 'as ranked' : `× ${factor}`),
  )
  const select = element('select', { id }, ...options)
  return form(
    () => onBoost(Number(select.value)),
    field(id, 'Place in lists', select),
    element('button', { type: 'submit' }, 'Apply boost'),
    element('p', { class: 'note' }, 'With × 2 an item that is ranked 10th stands where the 5th would.'),
  )
}

/** Asks where the item is to stand. */
export function pinForm(
  { pin }: CatalogueItem,
  { onPin, onUnpin }: { readonly onPin: (pin: PinFields) => void; readonly onUnpin: () => void },
): HTMLFormElement {
  const id = `pin-${++forms}`
  const place = element('input', {
    id: `${id}-place`,
    type: 'number',
    min: 1,
    max: 100,
    required: true,
    value: pin?.place ?? 1,
  })
  const tag = element('input', { id: `${id}-tag`, autocomplete: 'off', placeholder: 'all', value: pin?.tag ?? '' })
  const until = element('input', {
    id: `${id}-until`,
    type: 'datetime-local',
    value: pin?.until === undefined ? '' : localTime(pin.until),
  })
  const given = (): PinFields => ({
    place: place.valueAsNumber,
    ...(tag.value.trim() !== '' && { tag: tag.value.trim() }),
    ...(until.value !== '' && { until: new Date(until.value).getTime() }),
  })
  return form(
    () => onPin(given()),
    field(place.id, 'Place', place),
    field(tag.id, 'Only in lists of the tag', tag),
    field(until.id, 'Until', until),
    element('button', { type: 'submit' }, 'Apply pin'),
    pin && element('button', { type: 'button', class: 'quiet', onclick: onUnpin }, 'Unpin'),
  )
}

/** What an admin made of the place of the item, in words. */
export function promotions({ boost, pin }: Pick<CatalogueItem, 'boost' | 'pin'>): string[] {
  const until = pin?.until === undefined ? '' : ` until ${shownTime(pin.until)}`
  const where = pin?.tag === undefined ? '' : ` for ${pin.tag}`
  return [
    ...(boost === undefined ? [] : [`boosted × ${boost}`]),
    ...(pin ? [`pinned at ${pin.place}${where}${until}`] : []),
  ]
}

function form(onSubmit: () => void, ...content: readonly (Node | undefined)[]): HTMLFormElement {
  const submit = (event: Event) => {
    event.preventDefault()
    onSubmit()
  }
  return element('form', { class: 'promotion', onsubmit: submit }, ...content)
}

function field(id: string, label: string, control: HTMLElement): HTMLElement {
  return element('div', { class: 'search-field' }, element('label', { for: id }, label), control)
}

/** As a field for a local time takes it. */
function localTime(time: number): string {
  const shift = new Date(time).getTimezoneOffset() * 60_000
  return new Date(time - shift).toISOString().slice(0, 16)
}

function shownTime(time: number): string {
  return new Date(time).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}
