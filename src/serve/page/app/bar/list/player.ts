import { element } from '../../element.ts'
import { type MixedSong, minutesOf } from './mixed-song.ts'

export interface PlayerOptions {
  /** The address of a song's sound; to be released by the function, if it gives one. */
  readonly soundOf: (item: string) => Promise<string>
  /** Another song is played, or none; or it is paused. */
  readonly onChange: () => void
  /** A song was played to its end. */
  readonly onEnded: (song: MixedSong) => void
  readonly onProblem: (error: unknown) => void
}

/** Plays one song at a time; hidden while there is none. */
export class Player {
  readonly element: HTMLElement
  readonly #options: PlayerOptions
  readonly #audio = element('audio', { preload: 'auto' })
  readonly #button = element(
    'button',
    { type: 'button', class: 'round play primary', onclick: () => this.toggle() },
    '▶',
  )
  readonly #title = element('span', { class: 'title' })
  readonly #time = element('span', { class: 'details' })
  readonly #place = element('input', {
    type: 'range',
    min: 0,
    max: 1000,
    value: 0,
    'aria-label': 'Place in the song',
    oninput: () => {
      if (Number.isFinite(this.#audio.duration))
        this.#audio.currentTime = (this.#place.valueAsNumber / 1000) * this.#audio.duration
    },
  })
  #song: MixedSong | undefined
  /** Counts what was asked to be played: a sound that comes late is not. */
  #asked = 0

  constructor(options: PlayerOptions) {
    this.#options = options
    this.element = element(
      'div',
      { class: 'player', hidden: true, role: 'group', 'aria-label': 'Player' },
      this.#button,
      element('div', { class: 'player-song' }, this.#title, this.#time),
      this.#place,
      element(
        'button',
        { type: 'button', class: 'quiet', 'aria-label': 'Stop', title: 'Stop', onclick: () => this.stop() },
        '✕',
      ),
      this.#audio,
    )
    for (const name of ['play', 'pause'] as const) this.#audio.addEventListener(name, () => this.#show())
    this.#audio.addEventListener('timeupdate', () => {
      // The tab may have been made anew.
      if (this.element.isConnected) this.#showTime()
      else this.stop()
    })
    this.#audio.addEventListener('ended', () => {
      if (this.#song) this.#options.onEnded(this.#song)
    })
    this.#audio.addEventListener('error', () => {
      if (this.#song)
        this.#fail(
          new Error(
            `${this.#song.title} cannot be played: its sound is not there, or this browser does not know its format`,
          ),
        )
    })
  }

  get song(): MixedSong | undefined {
    return this.#song
  }

  /** The id of the song that plays now. */
  get playing(): string | undefined {
    return this.#audio.paused ? undefined : this.#song?.item
  }

  /** Plays `song`, or pauses where it plays. */
  async play(song: MixedSong): Promise<void> {
    if (song.item === this.#song?.item) {
      this.toggle()
      return
    }
    const asked = ++this.#asked
    this.#song = song
    this.element.hidden = false
    this.#title.textContent = song.title
    try {
      const address = await this.#options.soundOf(song.item)
      if (asked !== this.#asked) return
      this.#audio.src = address
      await this.#audio.play()
    } catch (error) {
      if (asked === this.#asked && (error as Error).name !== 'AbortError') this.#fail(error)
    }
    this.#show()
  }

  toggle(): void {
    if (!this.#audio.paused) this.#audio.pause()
    else this.#audio.play().catch(error => this.#fail(error))
  }

  stop(): void {
    this.#asked++
    this.#song = undefined
    this.#audio.pause()
    this.#audio.removeAttribute('src')
    this.element.hidden = true
    this.#show()
  }

  #fail(error: unknown): void {
    this.stop()
    this.#options.onProblem(error)
  }

  #show(): void {
    const isPaused = this.#audio.paused
    this.#button.textContent = isPaused ? '▶' : '❚❚'
    this.#button.setAttribute('aria-label', `${isPaused ? 'Play' : 'Pause'} ${this.#song?.title ?? ''}`)
    this.#showTime()
    this.#options.onChange()
  }

  #showTime(): void {
    const { currentTime, duration } = this.#audio
    if (!Number.isFinite(duration)) return
    this.#place.value = String(Math.round((1000 * currentTime) / duration))
    this.#place.setAttribute('aria-valuetext', `${minutesOf(currentTime)} of ${minutesOf(duration)}`)
    this.#time.textContent = `${minutesOf(currentTime)} / ${minutesOf(duration)}`
  }
}
