#!/usr/bin/env bash
# Make all results that README and docs show, from scratch: results.sh PYTHON [OUT] [JOBS]
#
# It takes days of a small machine. It can be stopped at any moment and started again:
# what is finished in OUT is kept. Times are measured last, when nothing else runs.
set -euo pipefail
python=$1 out=${2:-results} jobs=${3:-1}
cd "$(dirname "$0")/.."
mkdir -p "$out/grid" "$out/separate"
grid=("$python" benchmarks/compare.py --jobs "$jobs")

"$python" benchmarks/anchors.py --output "$out/anchors.json" --runs "$out/anchors"
"$python" benchmarks/mi.py --out "$out"
"$python" benchmarks/separation.py --output "$out/separation.json"

# The comparison. Large batches on the larger data: a step of a graph model costs
# nearly the same for any batch. What is solved for in closed form is tuned there too,
# and FREEDOM.
multimodal=(VBPR FREEDOM MGCN BM3 MMGCN GRCN DualGNN LATTICE MICRO SLMRec MMSSL DRAGON
  LGMRec SMORE)
trained=(SEA:tuned SEA:fast SEA Popularity BPRMF LightGCN LayerGCN)
large=(--epochs 200 --set batch_size=8192 --set lr=0.003 --set patience=8)
"${grid[@]}" --out "$out/grid" --data lfm2k:text+audio --seeds 0,1,2,3,4 \
  --trials 5 --trial-epochs 60 --epochs 300
"${grid[@]}" --out "$out/grid" --data baby,sports --models ItemKNN,EASE --seeds 0 --trials 5
"${grid[@]}" --out "$out/grid" --data sports --models FREEDOM --seeds 0,1,2,3,4 \
  --trials 5 --trial-epochs 60 "${large[@]}"
trained+=("${multimodal[@]/FREEDOM/}")
"${grid[@]}" --out "$out/grid" --data baby,sports --models "$(IFS=,; echo "${trained[*]}")" \
  --seeds 0,1,2,3,4 --trials 0 "${large[@]}"

# Where there are timestamps, with a random split and with one by time.
movielens=("${grid[@]}" --out "$out/grid" --data movielens-100k --split own,time)
"${movielens[@]}" --models ItemKNN,EASE --seeds 0 --trials 5
"${movielens[@]}" --models Popularity,BPRMF,LightGCN,VBPR,FREEDOM,SEA:tuned \
  --seeds 0,1,2 --trials 0 --epochs 200 --set lr=0.003 --set patience=10

# Separate learning on every multimodal model, with published settings; on the larger
# data a step compares a sample of the items, and MICRO contrasts those of the batch.
pairs=""
for model in "${multimodal[@]}"; do pairs+="$model,$model+separate,"; done
"${grid[@]}" --out "$out/separate" --data lfm2k:text+audio --models "$pairs" \
  --seeds 0,1,2 --trials 0 --epochs 100 --set lr=0.003 --set patience=10
# The same with a linear q in closed form in place of the published MLP.
"${grid[@]}" --out "$out/separate-linear" --data lfm2k:text+audio --models "$pairs" \
  --seeds 0,1,2 --trials 0 --epochs 100 --set lr=0.003 --set patience=10 \
  --set 'separate.distance_kwargs={"conditional": "linear"}'
"${grid[@]}" --out "$out/separate" --data sports --models "$pairs" --seeds 0,1,2 --trials 0 \
  --epochs 40 --set batch_size=8192 --set lr=0.003 --set patience=5 \
  --set separate.sample_size=4096 --set MICRO.contrast_on=batch

# The studies, and SEA's cheaper forms.
study=("$python" benchmarks/studies.py --jobs "$jobs")
"${study[@]}" all --out "$out/studies-lfm2k" --data lfm2k:text+audio --seeds 0,1,2 \
  --set lr=0.003 --set patience=10
"${study[@]}" modes --out "$out/studies-sports" --data sports --seeds 0,1,2 --epochs 12 \
  --set batch_size=16384 --set lr=0.004
tuned=("${study[@]}" --out "$out/studies-sports-tuned" --data sports --seeds 0,1,2
  "${large[@]}")
"${tuned[@]}" score
"${tuned[@]}" tuned --variants tuned-with-BPR,tuned-without-id-embedding,tuned-without-walks,\
tuned-without-correction,tuned-without-separate-learning

"$python" benchmarks/speed_table.py --output "$out/speed.json"
"$python" benchmarks/growth.py --output "$out/growth.json"
"$python" benchmarks/step_times.py --output "$out/step_times.json"
"$python" benchmarks/propagation.py --output "$out/propagation.json"
"$python" benchmarks/compile.py --output "$out/compile.json"
"$python" benchmarks/evaluation.py --output "$out/evaluation.json"

"$python" benchmarks/publish.py "$out"
