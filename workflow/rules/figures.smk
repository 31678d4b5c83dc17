rule figure:
    """Draw one figure from the published datasets."""
    input:
        receipts_of_figure,
    output:
        f"{RESULTS}/figures/{{figure}}.png",
        f"{RESULTS}/figures/{{figure}}.pdf",
    log:
        f"{RESULTS}/logs/figure-{{figure}}.log",
    params:
        specification=specification_of_figure,
        study=STUDY_FILE,
        root=results_root,
    shell:
        "rnn-atlas figures {params.study:q} {wildcards.figure} --results {params.root:q} > {log:q} 2>&1"
