/** Made-up articles in Korean and English. */
export const categories = ['politics', 'sports', 'food', 'science', 'travel'] as const

export interface RunArticle {
  readonly id: string
  readonly title: string
  readonly body: string
  readonly category: (typeof categories)[number]
  /** In minutes, from when it all begins; before 0 are the old ones. */
  readonly appears: number
}

const bodies = {
  politics: ['국회와 정부, 선거와 법을 다룬 기사입니다.', 'On parliament, government, elections and law.'],
  sports: ['경기와 선수, 기록을 다룬 기사입니다.', 'On matches, players and records.'],
  food: ['요리와 식당, 재료를 다룬 기사입니다.', 'On cooking, restaurants and ingredients.'],
  science: ['연구와 발견, 실험을 다룬 기사입니다.', 'On research, discoveries and experiments.'],
  travel: ['여행지와 길, 숙소를 다룬 기사입니다.', 'On places, roads and where to stay.'],
} as const

const titles = {
  politics: [
    ['국회가 예산안을 두고 밤새 맞섰다', 'Parliament argued over the budget until dawn'],
    ['시장 후보들의 첫 토론회가 열린다', 'What the new election law means for voters'],
    ['새 선거법이 다음 달 시행된다', 'Candidates for mayor meet in a first debate'],
  ],
  sports: [
    ['연장전 끝에 우승컵을 들어 올렸다', 'A late goal decided the cup final'],
    ['신인 투수가 세운 놀라운 기록', 'The rookie pitcher who broke a record'],
    ['국가대표 명단에 오른 새 얼굴들', 'New faces on the national team'],
  ],
  food: [
    ['집에서 끓이는 진한 된장찌개 비법', 'A rich soybean stew to cook at home'],
    ['봄나물로 차린 간단한 저녁 밥상', 'Dinner from spring greens in half an hour'],
    ['골목 빵집이 매일 줄을 서는 이유', 'Why this bakery has a queue every morning'],
  ],
  science: [
    ['달 뒷면에서 찾아낸 오래된 얼음', 'Old ice found on the far side of the Moon'],
    ['꿀벌은 어떻게 길을 기억할까', 'How do honeybees remember their way?'],
    ['새로운 백신이 임상 시험을 마쳤다', 'A new vaccine has passed its trial'],
  ],
  travel: [
    ['기차로 떠나는 남해안 이틀 여행', 'Two days along the coast by train'],
    ['한적한 섬에서 보낸 조용한 주말', 'A quiet weekend on a remote island'],
    ['가을 단풍이 가장 고운 산길 다섯', 'Five mountain paths for autumn colours'],
  ],
} as const

/** Ten old ones, in Korean of 24 days ago, in English of ten, and twenty new ones, one after the other in eight hours. */
export const articles: readonly RunArticle[] = categories.flatMap((category, at) =>
  titles[category].flatMap((both, which) =>
    both.map((title, language): RunArticle => {
      const place = (which - 1) * 10 + language * 5 + at
      const [id, appears] =
        which === 0
          ? [`old-${language * 5 + at}`, -(language === 0 ? 24 : 10) * 1440 - 240 * at]
          : [`new-${place}`, 10 + 24 * place]
      return { id, title, body: bodies[category][language]!, category, appears }
    }),
  ),
)
