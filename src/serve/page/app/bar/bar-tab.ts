import { problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { announce, byId, element } from '../element.ts'
import { milliseconds, plural } from '../format.ts'
import type { Tab } from '../tab.ts'
import { hasIngredients, type Ingredients, ingredientsInWords } from './ingredients/ingredients.ts'
import { IngredientsForm } from './ingredients/ingredients-form.ts'
import { type MixedSong, moved, type PlayedSong, withKept } from './list/mixed-song.ts'
import { PlayedList } from './list/played-list.ts'
import { Player } from './list/player.ts'
import { SongList } from './list/song-list.ts'
import { SongMap } from './map/song-map.ts'
import { Music, type UpcomingSongs } from './music.ts'

/** In ms: how long nothing must have changed before the list is asked for. */
const pause = 120

/** A playlist of moods, songs and tastes, which goes on as songs are accepted and skipped. Absent where the server has no music. */
export function barTab(session: Session): Tab | undefined {
  if (!session.can('music')) return undefined
  const tab = new BarTab(session)
  return { name: 'bar', title: 'Bar', section: tab.section, show: () => tab.show(), hide: () => tab.hide() }
}

class BarTab {
  readonly section: HTMLElement
  readonly #session: Session
  readonly #music: Music
  readonly #problem = element('div', {})
  readonly #content = element('div', { class: 'bar-columns' })
  readonly #state = element('p', { class: 'state', role: 'status' })
  readonly #heading = element('h3', {}, 'The list')
  readonly #latency = element('span', { class: 'details' })
  readonly #original = element(
    'button',
    { type: 'button', class: 'quiet', hidden: true, onclick: () => this.#forgetPlaces() },
    'Back to the mixed order',
  )
  readonly #played = new PlayedList(song => this.#takeBack(song))
  readonly #list: SongList
  readonly #map: SongMap
  readonly #player: Player
  #form: IngredientsForm | undefined
  #songs: readonly MixedSong[] = []
  /** Accepted and skipped, in their order. */
  #outcomes: readonly PlayedSong[] = []
  /** Songs that the person has moved. */
  #kept = new Map<string, { readonly song: MixedSong; readonly place: number }>()
  #subscription: AbortController | undefined
  #mix: ReturnType<Music['mix']> | undefined
  /** Of `performance.now()`: when the list that is awaited was asked for. */
  #asked: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(session: Session) {
    this.#session = session
    this.#music = new Music(session)
    this.#map = new SongMap(item => void this.#addFromMap(item))
    this.#player = new Player({
      soundOf: item => this.#music.soundOf(item),
      onChange: () => this.#showSongs(),
      onEnded: song => this.#playNext(song),
      onProblem: error => this.#fail(error),
    })
    this.#list = new SongList({
      onPlay: song => void this.#player.play(song),
      onAccept: song => this.#decide(song, 'accepted'),
      onSkip: song => this.#decide(song, 'skipped'),
      onAdd: song => this.#form?.addSong(song),
      onAvoid: song => this.#form?.avoidSong(song),
      onAvoidArtist: artist => this.#form?.avoidArtist(artist),
      onMove: (item, to) => this.#move(item, to),
    })
    this.section = element(
      'section',
      { class: 'bar', 'aria-label': 'Bar' },
      element('h2', {}, 'Bar'),
      element(
        'p',
        { class: 'state' },
        'Mix a playlist of moods, songs and tastes. Accept and skip, and it goes on from there.',
      ),
      this.#problem,
      this.#content,
    )
  }

  show(): void {
    if (this.#form) this.#subscribe(this.#form.ingredients)
    else void this.#begin()
  }

  hide(): void {
    clearTimeout(this.#timer)
    this.#subscription?.abort(new Error('not in view'))
    this.#subscription = undefined
    this.#mix = undefined
  }

  /** Asks for what the songs are, then shows all. */
  async #begin(): Promise<void> {
    try {
      const tags = await this.#music.tags()
      const points = await this.#music.points(tags)
      if (this.#form) return
      this.#form = new IngredientsForm(this.#session, {
        tags,
        find: text => this.#music.find(text),
        onChange: ingredients => this.#changed(ingredients),
      })
      this.#content.append(
        this.#form.element,
        element(
          'div',
          { class: 'bar-main' },
          element('div', { class: 'card map-card' }, element('h3', {}, 'All songs'), this.#map.element),
          element(
            'div',
            { class: 'card mixed' },
            element('div', { class: 'row spread' }, this.#heading, this.#original, this.#latency),
            this.#state,
            this.#played.element,
            this.#list.element,
            this.#player.element,
          ),
        ),
      )
      this.#map.setPoints(points)
      this.#problem.replaceChildren()
      this.#showSongs()
    } catch (error) {
      this.#fail(error)
    }
  }

  #changed(ingredients: Ingredients): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#subscribe(ingredients), pause)
  }

  #subscribe(ingredients: Ingredients): void {
    this.hide()
    if (!hasIngredients(ingredients)) {
      this.#songs = []
      this.#showSongs()
      return
    }
    const subscription = new AbortController()
    this.#subscription = subscription
    void this.#follow(ingredients, subscription.signal)
  }

  /** Shows the lists as they come, until it is aborted. */
  async #follow(ingredients: Ingredients, signal: AbortSignal): Promise<void> {
    this.#asked = performance.now()
    const mix = this.#music.mix(ingredients, this.#outcomes, signal)
    this.#mix = mix
    try {
      for await (const list of mix.lists) {
        if (signal.aborted) return
        if (this.#asked !== undefined)
          this.#latency.textContent = `mixed in ${milliseconds(performance.now() - this.#asked)}`
        this.#asked = undefined
        this.#problem.replaceChildren()
        this.#show(list)
      }
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
    }
  }

  #show({ songs, short }: UpcomingSongs): void {
    const decided = new Set(this.#outcomes.map(({ song }) => song.item))
    this.#songs = withKept(songs, this.#kept).filter(({ item }) => !decided.has(item))
    this.#showSongs()
    const first = this.#songs[0] ? ` First: ${this.#songs[0].title}.` : ''
    this.#state.textContent = [this.#summary(), short].filter(Boolean).join(' ')
    announce(`${plural(this.#songs.length, 'song')}.${first}`)
  }

  #showSongs(): void {
    const { ingredients } = this.#form ?? {}
    const accepted = this.#outcomes.filter(({ outcome }) => outcome === 'accepted').map(({ song }) => song)
    this.#played.show(this.#outcomes, this.#player.playing)
    this.#list.show(this.#songs, accepted.length + 1, this.#player.playing, new Set(this.#kept.keys()))
    const all = [...accepted, ...this.#songs]
    this.#map.mark(
      all.map(({ item }) => item),
      [...(ingredients?.songs.keys() ?? [])],
      this.#player.song?.item,
    )
    this.#form?.showEnergies(all.map(({ energy }) => energy))
    this.#original.hidden = this.#kept.size === 0
    if (!ingredients || !hasIngredients(ingredients)) {
      this.#state.textContent = 'Nothing is mixed yet: move the slider of a mood, or choose a song.'
      this.#latency.textContent = ''
    }
  }

  #summary(): string {
    const seconds = this.#songs.reduce((sum, { duration }) => sum + (duration ?? 0), 0)
    const length = seconds > 0 ? `, ${Math.max(1, Math.round(seconds / 60))} min` : ''
    return `${plural(this.#songs.length, 'song')}${length}: ${ingredientsInWords(this.#form!.ingredients)}.`
  }

  #decide(song: MixedSong, outcome: PlayedSong['outcome']): void {
    this.#outcomes = [...this.#outcomes, { song, outcome }]
    this.#kept.delete(song.item)
    if (outcome === 'skipped' && this.#player.song?.item === song.item) this.#playNext(song)
    this.#arrange(this.#songs.filter(({ item }) => item !== song.item))
    announce(`${song.title} ${outcome}`)
    this.#asked = performance.now()
    const mix = this.#mix
    const noted = outcome === 'accepted' ? mix?.accept(song.item) : mix?.skip(song.item)
    noted?.catch((error: unknown) => {
      // The next subscription has it from the beginning.
      if (this.#mix === mix) this.#fail(error)
    })
  }

  #takeBack(song: MixedSong): void {
    this.#outcomes = this.#outcomes.filter(each => each.song.item !== song.item)
    this.#showSongs()
    this.#subscribe(this.#form!.ingredients)
  }

  #move(item: string, to: number): void {
    const from = this.#songs.findIndex(song => song.item === item)
    if (from < 0) return
    this.#kept.set(item, { song: this.#songs[from]!, place: to })
    this.#arrange(moved(this.#songs, from, to))
  }

  /** Shows the songs to come in this order, in which those that were moved have other places than before. */
  #arrange(songs: readonly MixedSong[]): void {
    this.#songs = songs
    for (const [place, song] of songs.entries()) {
      if (this.#kept.has(song.item)) this.#kept.set(song.item, { song, place })
    }
    this.#showSongs()
  }

  #forgetPlaces(): void {
    this.#kept = new Map()
    this.#subscribe(this.#form!.ingredients)
    byId('main').focus()
  }

  #playNext(after: MixedSong): void {
    const accepted = this.#outcomes.filter(({ outcome }) => outcome === 'accepted').map(({ song }) => song)
    const all = [...accepted, ...this.#songs]
    const next = all.slice(all.findIndex(({ item }) => item === after.item) + 1).find(({ hasSound }) => hasSound)
    if (next) void this.#player.play(next)
    else this.#player.stop()
  }

  async #addFromMap(item: string): Promise<void> {
    try {
      const song = await this.#music.song(item)
      this.#form?.addSong(song)
      announce(`${song.title} added to the ingredients`)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#session.note(error)
    this.#problem.replaceChildren(problem(error))
  }
}
