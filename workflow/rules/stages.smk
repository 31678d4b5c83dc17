rule stage:
    """Compute what is missing of a stage, publish its dataset, write its receipt."""
    input:
        upstream_receipt,
    output:
        f"{RESULTS}/receipts/{{stage}}.json",
    log:
        f"{RESULTS}/logs/{{stage}}.log",
    benchmark:
        f"{RESULTS}/logs/{{stage}}.benchmark.tsv"
    threads: workflow.cores
    params:
        specification=stage_specification,
        study=STUDY_FILE,
        root=results_root,
    shell:
        "rnn-atlas stage {wildcards.stage} {params.study:q} --results {params.root:q} --workers {threads} 2>&1 | tee {log:q}"
