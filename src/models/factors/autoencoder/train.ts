import { native } from '../../../native.ts'
import type { Pool } from '../../../parallel/pool.ts'
import type { Dataset } from '../../../storage/dataset.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { trainEpochs } from '../../training/epochs.ts'
import { type Layers, layerTensors, setTensors } from './layers.ts'
import { checkMemory } from './memory.ts'
import { type AutoencoderTensors, autoencoderTensors } from './model.ts'
import { columnCounts, Examples, Network, stepMemory } from './network.ts'
import { type AutoencoderOptions, isSampled, networkWidths, seedOf } from './options.ts'
import { OutputSampler } from './sample.ts'

/**
 * Trains a denoising autoencoder (crates/kernels/src/autoencoder), which says what is minimised. The loss of an epoch is the mean
 * over its users, each as it was met, and over the networks.
 *
 * The same bits come out for any number of workers, and whether or not the training was interrupted and resumed. A model that had
 * come to its end goes on to more epochs with running means that begin anew. Aborting the signal ends the training after the running epoch.
 *
 * @throws RangeError when it does not fit in memory, or when the steps diverge.
 */
export async function trainAutoencoder(
  dataset: Dataset,
  options: AutoencoderOptions,
  context: TrainContext,
): Promise<Trained> {
  const { pool, from } = context
  const trainer = new Trainer(dataset, options, pool)
  if (from) trainer.goOn(autoencoderTensors(from), from.manifest.epochs)
  else await trainer.initialise()
  let epochs = from?.manifest.epochs ?? 0
  const training = {
    epochs: options.epochs,
    rows: dataset.byUser.rows,
    run: async (epoch: number) => {
      const loss = await trainer.epoch(epoch)
      epochs = epoch + 1
      return loss
    },
    fraction: () => trainer.fraction,
    tensors: () => layerTensors(trainer.layers, epochs >= options.epochs),
  }
  return trainEpochs(training, context)
}

/** The networks of a training, one after the other in each epoch. */
class Trainer {
  readonly #options: AutoencoderOptions
  readonly #networks: readonly Network[]
  readonly #stepsInEpoch: number
  /** The first epoch whose steps the running means have had. */
  #firstEpoch = 0
  #running = 0

  constructor(dataset: Dataset, options: AutoencoderOptions, pool: Pool) {
    this.#options = options
    const examples = new Examples(dataset, options)
    const { items, tagCount: tags, batch } = examples
    const sampler = isSampled(options, items + tags) ? samplerOf(examples, options) : undefined
    const room = sampler?.room ?? items + tags
    const widths = networkWidths(options)
    const [shard, stride] = [native.autoencoderShard(), native.factorStride(Math.max(...widths) + 1)]
    const { factors } = options
    checkMemory({
      items,
      tags,
      factors,
      networks: widths.length,
      stride,
      users: Math.ceil(batch / shard) * shard,
      room,
    })
    const parts = { examples, memory: stepMemory(examples, stride, room), sampler, pool }
    this.#networks = widths.map((width, network) => new Network(options, width, seedOf(options, network), parts))
    this.#stepsInEpoch = examples.steps
  }

  get layers(): readonly Layers[] {
    return this.#networks.map(({ layers }) => layers)
  }

  async initialise(): Promise<void> {
    for (const network of this.#networks) await network.initialise()
  }

  /** Takes the weights of a model of the same dataset, and its running means where it was not complete. */
  goOn(tensors: AutoencoderTensors, epochs: number): void {
    setTensors(this.layers, tensors)
    if (!tensors.moments) this.#firstEpoch = epochs
  }

  /** Share of the running epoch that is done. */
  get fraction(): number {
    return (this.#running + (this.#networks[this.#running]?.fraction ?? 0)) / this.#networks.length
  }

  /**
   * Goes over all users once for each network; gives the mean loss.
   *
   * @param epoch counted from 0.
   * @throws RangeError when the steps diverge.
   */
  async epoch(epoch: number): Promise<number> {
    const step = (epoch - this.#firstEpoch) * this.#stepsInEpoch
    let sum = 0
    for (const network of this.#networks) {
      sum += await network.epoch(epoch, step)
      this.#running++
    }
    this.#running = 0
    const loss = sum / this.#networks.length
    if (Number.isFinite(loss)) return loss
    throw new RangeError(
      `the training diverged in epoch ${epoch + 1}: its loss is no number any more; choose a learning rate (learningRate, --learning-rate) below ${this.#options.learningRate}`,
    )
  }
}

function samplerOf({ dataset, tags, longest }: Examples, { samples }: AutoencoderOptions): OutputSampler {
  const kinds = [dataset.byUser, ...(tags ? [tags] : [])]
  return new OutputSampler(
    kinds.map(byUser => ({ byUser, counts: columnCounts(byUser) })),
    samples,
    longest,
  )
}
