import torch

from sea_pyg.nn.models.modality_attention import ModalityAttention


def test_by_hand() -> None:
    """Heads attend by parts of queries and keys, and mix whole rows."""
    torch.manual_seed(0)
    attention = ModalityAttention(6, 3).double()
    x = torch.randn(4, 2, 6, dtype=torch.double)
    expected = []
    for node in x:
        total = torch.zeros(6, dtype=torch.double)
        for asking in node:
            mixed = []
            for head in range(3):
                part = slice(2 * head, 2 * head + 2)
                query = attention.query.weight[part] @ asking
                logit = torch.stack(
                    [query @ (attention.key.weight[part] @ other) for other in node]
                )
                share = (logit / 2**0.5).softmax(dim=0)
                mixed.append(share @ node)
            total = total + attention.out.weight @ torch.cat(mixed)
        expected.append(total / 2)
    torch.testing.assert_close(attention(x), torch.stack(expected))
