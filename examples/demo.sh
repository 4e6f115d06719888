#!/usr/bin/env bash
# Train SEA on MovieLens 100K, compare with Popularity, recommend. See `make demo`.
#   bash examples/demo.sh [EPOCHS] [RUN_DIR]
set -euo pipefail
epochs=${1:-30}
out=${2:-runs/demo}
sea_pyg=${SEA_PYG:-sea-pyg}
rm -rf "$out" "$out-popularity"

echo "== SEA on MovieLens 100K, at most $epochs epochs"
# The closed form of q needs no inner steps: minutes less, and no worse (docs/results.md).
"$sea_pyg" train movielens-100k --out "$out" --max-epochs "$epochs" \
  --set 'distance_kwargs={conditional: linear}'

echo
echo '== Popularity on the same split'
"$sea_pyg" train movielens-100k --model popularity --out "$out-popularity"

echo
echo '== Test metrics side by side'
"$sea_pyg" compare "$out-popularity" "$out" \
  --metric recall@10,recall@20,ndcg@10,ndcg@20

echo
echo '== What users 1, 2 and 3 do not have yet'
"$sea_pyg" recommend "$out" --users 1,2,3 -k 5

echo
echo "curves: $out/curves.png"
echo "model:  $out/model.safetensors"
