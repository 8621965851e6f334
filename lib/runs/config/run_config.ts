/**
 * The type of a run's configuration. Written by tools/run_config.ts from the schema in keys.ts; edit that.
 *
 * @module
 */

/** A whole, valid run configuration. */
export type RunConfig = {
  /** corrected: the bench's protocol; reference: the notebook's, mistakes included; gend: the bench's protocol with a detector trained as GenD; published-1, -2, -3 and -genimage: with ForgeLens in both stages, as in its official settings (default: "corrected") */
  preset:
    | "corrected"
    | "reference"
    | "gend"
    | "published-1"
    | "published-2"
    | "published-3"
    | "published-genimage";
  /** seed of initial weights, order, dropout and splits (default: 0) */
  seed: number;
  /** corrected: training runs with the seeds seed, seed+1, …; reference: repeats of the same evaluation (default: 1) */
  runs: number;
  /** of matrix products, int8 in the encoder alone; auto: the fastest whose tokens agree with float32's, by measurement (float32 for the demo encoder and with attention across the batch) (default: "auto") */
  precision: "auto" | "float32" | "bfloat16" | "int8";
  /** of matrix products where the head is trained; auto: the encoder's, or beside int8 the faster one, by measurement; on the demo bfloat16 where native code takes the steps (default: "auto") */
  headPrecision: "auto" | "float32" | "bfloat16";
  /** what takes the training steps: a TensorFlow graph, native code by AVX2, AVX-512 or AMX, or op by op; auto: the fastest that takes the detector, by measurement (default: "auto") */
  engine: "auto" | "graph" | "native" | "native-amx" | "eager";
  /** tensor backend; auto: TensorFlow where it can be set up, else onnxruntime where it can be set up, else WebAssembly (default: "auto") */
  backend: "auto" | "tensorflow" | "onnx" | "wasm";
  /** a data set as it is distributed (FaceForensics++, DFD, Celeb-DF++, Celeb-DF, DFDC, DFDC-preview, DF40, WildDeepfake, FFIW10K, FakeAVCeleb, DeepfakeBench's JSON, UniversalFakeDetect, GenImage, GenD's lists, Hugging Face's image folders, Parquet files or folders named real and fake), as NAME=FOLDER[,c23][,train][,frames=N][,method=NAME][,layout=NAME][,labels=WORD=fake]; a comma in a folder's name is written twice */
  data?: string;
  /** a further data set to train on at once, as NAME=FOLDER[,options as for --data][,weight=W]; its images are drawn W times as often as those of the first set, 1 unless given; may be given several times (default: []) */
  also: string[];
  /** a further data set to test on, as NAME=FOLDER[,options as for --data] or NAME=REAL_FOLDER,FAKE_FOLDER; may be given several times (default: []) */
  test: string[];
  /** folder of real training images (sub-folders too); none means the demo data */
  real?: string;
  /** folder of fake training images */
  fake?: string;
  /** folder of real validation images, instead of a share of the training videos */
  valReal?: string;
  /** folder of fake validation images */
  valFake?: string;
  /** folder of real test images, instead of a share of the training videos */
  testReal?: string;
  /** folder of fake test images */
  testFake?: string;
  /** CSV file with the columns path,label[,split,set,video,method,source,persons], instead of folders */
  manifest?: string;
  /** name of the training data set in tables and files (default: "data") */
  set: string;
  /** compression of FaceForensics++ and DFD, where --data or --test names none */
  compression?: "raw" | "c0" | "c23" | "c40";
  /** a method of the --data set's fakes to train on, or several separated by commas; all unless given (default: []) */
  methods: string[];
  /** so many evenly spaced frames of each video; all unless given */
  framesPerVideo?: number;
  /** what names a video in --real and --fake, in folders of --data and --test, and in manifests without a video column: the folder, the file's name without the frame's number, or each file; auto: what names and the look of a few images say (default: "auto") */
  videos: "auto" | "folder" | "name" | "file";
  /** what a word for a label means in DeepfakeBench's lists, or a folder's name in plain folders, where it is not a usual one: WORD=real or WORD=fake, or several separated by commas (default: []) */
  labels: string[];
  /** where the paths of a list or manifest lie on this machine: FOLDER, or OLD=NEW */
  root?: string;
  /** share of the training videos held out for validation (default: 0.15) */
  valShare: number;
  /** share of the training videos held out for the test, when no test set is given (default: 0.15) */
  testShare: number;
  /** refuse to start when any file is not a readable image (default: false) */
  strict: boolean;
  /** go on although a video, a person or a file is in two splits, with a warning (default: false) */
  allowLeak: boolean;
  /** image encoder; auto: ViT-B-16 for your data where its weights can be had, else the built-in demo encoder with a warning (default: "auto") */
  clip:
    | "auto"
    | "demo"
    | "demo-tower"
    | "ViT-B-16"
    | "ViT-B-32"
    | "ViT-L-14"
    | "ViT-L-14-336"
    | "hf-clip-vit-base-patch16";
  /** CLIP's weights under OpenAI's, open_clip's or Hugging Face's names: a .pt, .pth, .bin or .safetensors file */
  clipWeights?: string;
  /** full-size CLIP with seeded random weights, for plumbing and timing (default: false) */
  randomClip: boolean;
  /** activation inside CLIP: quickgelu for OpenAI's weights, gelu for open_clip's own (LAION, DataComp) unless their model's name ends in -quickgelu; settings beside the file that say otherwise are heeded (default: "quickgelu") */
  activation: "quickgelu" | "gelu";
  /** what CLIP's attention runs across; batch is the reference's mistake (default: "tokens") */
  attendAcross: "tokens" | "batch";
  /** how an image is brought to the encoder's square; resize: the whole of it, squeezed where it is no square; crop: its centre at its own size, tiled where a side is too short, as ForgeLens; pad: its centre at its own size, with black around it where a side is too short, as UniversalFakeDetect; clip: its shorter side resized, bicubic, then its centre, as CLIP itself and GenD (default: "resize") */
  fit: "resize" | "crop" | "pad" | "clip";
  /** keep tokens on disk, so that an image is encoded once (default: true) */
  cache: boolean;
  /** where tokens are kept; by default in the user's cache folder */
  cacheFolder?: string;
  /** most gigabytes that kept tokens may take (default: 50) */
  cacheLimit: number;
  /** what is trained on the frozen encoder's features; notebook-head: the notebook's head: WSGM, FAFormer and a classifier on all tokens; linear-probe: a logistic regression on the class token: what any gain is measured against; knn: the share of fakes among the training images nearest by cosine, each of which counts alike; ln-tuned: CLIP with its layer norms tuned, and a linear function of its class token; forgelens-stage1: stage 1 of the published ForgeLens: guidance modules inside CLIP's blocks, and a linear function of its embedding; forgelens: the published ForgeLens: a transformer over the class tokens of all blocks of the tower that stage 1 guided (default: "notebook-head") */
  detector: "notebook-head" | "linear-probe" | "knn" | "ln-tuned" | "forgelens-stage1" | "forgelens";
  /** attention heads of a FAFormer layer (default: 8) */
  heads: number;
  /** FAFormer layers (default: 2) */
  depth: number;
  /** feed-forward width of a FAFormer layer (default: 2048) */
  feedForward: number;
  /** dropout rate in training (default: 0.1) */
  dropout: number;
  /** what a linear probe or kNN stands on: the class token after the last layer norm, its projection, or the class tokens after all blocks (default: "clsToken") */
  tap: "clsToken" | "embedding" | "clsTokens";
  /** C of a linear probe, a logistic regression as scikit-learn's: how much the images weigh against its L2 penalty; unless given, that of 0.01, 0.1, 1, 10, 100, 1000, 10000 with the best validation AUC, or 1 without validation images */
  logisticC?: number;
  /** bring each of a linear probe's features to mean 0 and deviation 1 over the training images first, as scikit-learn's StandardScaler (default: true) */
  standardise: boolean;
  /** how many nearest training images vote in kNN (default: 9) */
  neighbours: number;
  /** how many of the tower's last blocks are tuned, with what enters them from the cache; all unless given, and the first layer norm too */
  blocks?: number;
  /** classify the class token at length 1 (default: false) */
  normalise: boolean;
  /** attention heads of a tower in a file of trained weights that does not say it; width / 64 unless given */
  towerHeads?: number;
  /** ForgeLens's guidance modules (WSGM), shared by neighbouring blocks; no more than blocks are made (default: 12) */
  wsgmCount: number;
  /** the tower's width over that inside a guidance module (default: 4) */
  wsgmReduction: number;
  /** train ForgeLens as its official code does: images drawn with replacement, and in the second stage the frozen first stage's dropout left on, so that class tokens are computed anew at each step (default: false) */
  asPublished: boolean;
  /** blocks of ForgeLens's FAFormer (default: 2) */
  faformerLayers: number;
  /** attention heads of a block of FAFormer (default: 2) */
  faformerHeads: number;
  /** what ForgeLens's second stage stands on: a run of forgelens-stage1 by its name or folder, a file of its weights, or none for the encoder as it is; trained first unless given */
  stageOne?: string;
  /** epochs of ForgeLens's first stage where it is trained first; as for the second unless given */
  stage1Epochs?: number;
  /** images per step of that stage, likewise */
  stage1BatchSize?: number;
  /** learning rate of that stage, likewise */
  stage1LearningRate?: number;
  /** what training makes small; cross-entropy: the mean surprise at the labels, of two logits; binary-cross-entropy: the same of one logit; focal: cross-entropy that counts an image the less the surer its label already is; uniformity-alignment: cross-entropy, and embeddings that are close within a label and spread as a whole (default: "cross-entropy") */
  loss: "cross-entropy" | "binary-cross-entropy" | "focal" | "uniformity-alignment";
  /** how much the squared distance of images with one label counts in uniformity-alignment (default: 0.1) */
  alignment: number;
  /** how much the closeness of all images counts in uniformity-alignment (default: 0.5) */
  uniformity: number;
  /** the share of each label that goes to real and fake alike (default: 0) */
  labelSmoothing: number;
  /** passes over the training images (default: 5) */
  epochs: number;
  /** images per training step (default: 8) */
  batchSize: number;
  /** batches whose gradients make one step of the optimizer (default: 1) */
  accumulate: number;
  /** what takes the steps; adamw: with weight decay that is decoupled from the gradient; adam: with weight decay, if any, as a part of the gradient (default: "adamw") */
  optimizer: "adamw" | "adam";
  /** the optimizer's learning rate (default: 0.0001) */
  learningRate: number;
  /** the optimizer's weight decay; with Adam 0 unless given (default: 0.01) */
  weightDecay: number;
  /** the greatest length of a step's gradient over all weights; no limit unless given */
  clipGradients?: number;
  /** how the learning rate changes; constant: the same at every step; cosine: falls to the least rate over all steps, as half a cosine; step: times --step-factor after every --step-every epochs (default: "constant") */
  schedule: "constant" | "cosine" | "step";
  /** steps of the optimizer over which the learning rate first rises from the least rate (default: 0) */
  warmup: number;
  /** where the cosine schedule ends and the warm-up begins (default: 0) */
  leastRate: number;
  /** epochs between two falls of the step schedule (default: 2) */
  stepEvery: number;
  /** what a fall of the step schedule leaves of the rate (default: 0.7) */
  stepFactor: number;
  /** draw real and fake, and each method within the fakes, equally often (default: true) */
  balance: boolean;
  /** what training images are put through, one drawn for an image and epoch, named as for --perturb; nothing unless given (default: []) */
  augment: string[];
  /** how likely --augment is applied to an image of an epoch (default: 0.5) */
  augmentShare: number;
  /** keep the epoch that is best on validation images, or the last (default: "best") */
  select: "best" | "last";
  /** what makes an epoch better: a greater AUC or a lesser cross-entropy on validation images (default: "auc") */
  selectBy: "auc" | "loss";
  /** stop after so many epochs without a better one; none stops unless given */
  patience?: number;
  /** how a video's score is made of its frames' at video level (default: "mean") */
  videoScore: "mean" | "median" | "max";
  /** the threshold beside 0.5, chosen on validation videos; eer: as many false alarms as misses; fpr-5: at most 5 % of the reals called fake (default: "eer") */
  thresholdBy: "eer" | "fpr-1" | "fpr-5" | "fpr-10";
  /** JPEG qualities that the test set is compressed with in memory (default: [100,90,75,50,30]) */
  jpegQualities: number[];
  /** what else is done to the test set in memory, as a family or ladder (jpeg, jpeg-gend, webp, gaussian-blur, gaussian-noise, resize, brightness, contrast, flip) for all its levels or as one level, such as jpeg-50; several separated by commas (default: []) */
  perturb: string[];
  /** name of this run's folder; by default made from data, preset and time */
  run?: string;
  /** folder of runs (default: "checkpoints") */
  out: string;
  /** also write the weights as the reference's own .pth file (default: false) */
  pth: boolean;
  /** also write the head together with CLIP, as the reference's whole ForgeLens class loads it (default: false) */
  exportFull: boolean;
  /** where the demo data is written once (default: "data/demo") */
  demoRoot: string;
};

/** What a user gives: any part of a configuration. */
export type RunInput = Partial<RunConfig>;
