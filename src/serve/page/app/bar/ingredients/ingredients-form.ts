import type { Session } from '../../connection/session.ts'
import { element } from '../../element.ts'
import type { SongSummary } from '../music.ts'
import { type Chip, Chips } from './chips.ts'
import { EnergyCurve } from './energy-curve.ts'
import { type Ingredients, noIngredients, toggled, withEntry } from './ingredients.ts'
import { SongSearch } from './song-search.ts'
import { TagSliders } from './tag-sliders.ts'
import { tasteField } from './taste-field.ts'

export interface IngredientsOptions {
  /** Those of most songs first. */
  readonly tags: readonly string[]
  readonly find: (text: string) => Promise<readonly SongSummary[]>
  readonly onChange: (ingredients: Ingredients) => void
}

/** Where the person says what is mixed. */
export class IngredientsForm {
  readonly element: HTMLElement
  readonly #onChange: (ingredients: Ingredients) => void
  readonly #sliders: TagSliders
  readonly #chips = new Chips()
  readonly #avoided = new Chips()
  readonly #avoidedPart = element('div', {}, element('h4', {}, 'Avoided'), this.#avoided.element)
  readonly #curve: EnergyCurve
  /** Each shows the setting that is its own. */
  readonly #settings: ((ingredients: Ingredients) => void)[] = []
  #ingredients = noIngredients

  constructor(session: Session, { tags, find, onChange }: IngredientsOptions) {
    this.#onChange = onChange
    this.#sliders = new TagSliders(tags, {
      onWeight: (tag, weight) => this.#weigh(tag, weight),
      onAvoid: tag => this.toggleAvoidedTag(tag),
    })
    this.#curve = new EnergyCurve(energy => this.#change({ energy }))
    const empty = () => this.#change(noIngredients)
    const search = new SongSearch({ find, onChoose: song => this.addSong(song) })
    const taste = tasteField(session, user => this.#change({ taste: { user, weight: 1 } }))
    this.element = element(
      'div',
      { class: 'card ingredients' },
      element(
        'div',
        { class: 'row spread' },
        element('h3', {}, 'Ingredients'),
        element('button', { type: 'button', class: 'quiet', onclick: empty }, 'Empty'),
      ),
      this.#sliders.element,
      search.element,
      taste,
      this.#chips.element,
      this.#avoidedPart,
      this.#curve.element,
      this.#slider('length', 'Songs', { min: 5, max: 60, step: 1, unset: noIngredients.length }),
      this.#furtherSettings(),
    )
    this.#show()
  }

  get ingredients(): Ingredients {
    return this.#ingredients
  }

  addSong({ item, title }: SongSummary): void {
    const avoidedSongs = withEntry(this.#ingredients.avoidedSongs, item, undefined)
    this.#change({ avoidedSongs, songs: withEntry(this.#ingredients.songs, item, { title, weight: 1 }) })
  }

  avoidSong({ item, title }: SongSummary): void {
    const songs = withEntry(this.#ingredients.songs, item, undefined)
    this.#change({ songs, avoidedSongs: withEntry(this.#ingredients.avoidedSongs, item, title) })
  }

  avoidArtist(artist: string): void {
    this.#change({ avoidedArtists: [...new Set([...this.#ingredients.avoidedArtists, artist])] })
  }

  toggleAvoidedTag(tag: string): void {
    const { tags, avoidedTags } = this.#ingredients
    this.#change({ tags: withEntry(tags, tag, undefined), avoidedTags: toggled(avoidedTags, tag) })
  }

  /** Shows the energies of the list behind the curve. */
  showEnergies(energies: readonly (number | undefined)[]): void {
    this.#curve.showSongs(energies)
  }

  #weigh(tag: string, weight: number): void {
    const { tags, avoidedTags } = this.#ingredients
    const others = avoidedTags.filter(each => each !== tag)
    this.#change({ tags: withEntry(tags, tag, weight > 0 ? weight : undefined), avoidedTags: others })
  }

  #change(changed: Partial<Ingredients>): void {
    this.#ingredients = Object.assign({}, this.#ingredients, changed)
    this.#show()
    this.#onChange(this.#ingredients)
  }

  #show(): void {
    const { songs, taste, avoidedSongs, avoidedArtists, avoidedTags } = this.#ingredients
    this.#sliders.show(this.#ingredients)
    this.#curve.show(this.#ingredients.energy)
    for (const show of this.#settings) show(this.#ingredients)
    const chips: Chip[] = [...songs].map(([item, { title, weight }]) => ({
      name: title,
      kind: 'song',
      weight,
      onWeight: value => this.#change({ songs: withEntry(this.#ingredients.songs, item, { title, weight: value }) }),
      onRemove: () => this.#change({ songs: withEntry(this.#ingredients.songs, item, undefined) }),
    }))
    if (taste) {
      chips.push({
        name: taste.user,
        kind: 'taste',
        weight: taste.weight,
        onWeight: weight => this.#change({ taste: { user: taste.user, weight } }),
        onRemove: () => this.#change({ taste: undefined }),
      })
    }
    this.#chips.show(chips)
    const avoided: Chip[] = [
      ...avoidedTags.map(tag => ({ name: tag, kind: 'tag', onRemove: () => this.toggleAvoidedTag(tag) })),
      ...avoidedArtists.map(artist => ({
        name: artist,
        kind: 'artist',
        onRemove: () => this.#change({ avoidedArtists: toggled(this.#ingredients.avoidedArtists, artist) }),
      })),
      ...[...avoidedSongs].map(([item, title]) => ({
        name: title,
        kind: 'song',
        onRemove: () => this.#change({ avoidedSongs: withEntry(this.#ingredients.avoidedSongs, item, undefined) }),
      })),
    ]
    this.#avoided.show(avoided)
    this.#avoidedPart.hidden = avoided.length === 0
  }

  /** `unset`: where the slider stands while the server chooses. */
  #slider(
    field: 'length' | 'diversity' | 'smoothness',
    label: string,
    { unset, ...range }: { readonly unset: number; readonly min: number; readonly max: number; readonly step: number },
  ): HTMLElement {
    const output = element('output', { for: `mix-${field}` })
    const shown = (value: number | undefined) => (value === undefined ? 'as usual' : String(value))
    const input = element('input', {
      type: 'range',
      id: `mix-${field}`,
      min: range.min,
      max: range.max,
      step: range.step,
      oninput: () => {
        output.value = shown(input.valueAsNumber)
      },
      onchange: () => this.#change({ [field]: input.valueAsNumber }),
    })
    this.#settings.push(({ [field]: value }) => {
      input.value = String(value ?? unset)
      output.value = shown(value)
    })
    return element('div', { class: 'field slider' }, element('label', { for: `mix-${field}` }, label), input, output)
  }

  #furtherSettings(): HTMLElement {
    return element(
      'details',
      { class: 'further' },
      element('summary', {}, 'Order of the list'),
      this.#slider('diversity', 'Songs unlike each other', { min: 0, max: 1, step: 0.05, unset: 0.3 }),
      this.#slider('smoothness', 'Small steps between songs', { min: 0, max: 1, step: 0.05, unset: 0.5 }),
    )
  }
}
